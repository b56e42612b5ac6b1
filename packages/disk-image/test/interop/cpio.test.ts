import { describe, expect, it } from 'vitest';
import { packCpio, readCpio, type CpioEntry } from '../../src/index.js';
import { run } from '../support/tools.js';

const entries: CpioEntry[] = [
  { kind: 'file', path: 'init', mode: 0o755, data: Buffer.from('#!/bin/sh\necho hello\n') },
  { kind: 'symlink', path: 'bin/sh', target: 'busybox' },
  { kind: 'char', path: 'dev/console', mode: 0o600, major: 5, minor: 1 },
  { kind: 'block', path: 'dev/sda', mode: 0o660, gid: 6, major: 8, minor: 300 },
  { kind: 'fifo', path: 'run/pipe', uid: 1000 },
  { kind: 'directory', path: 'tmp', mode: 0o1777 },
  { kind: 'file', path: 'odd size', mode: 0o4711, data: Buffer.alloc(4097, 'x') },
];

describe('a cpio archive of ours', () => {
  const archive = packCpio(entries, { mtime: 1_700_000_000 });

  it('is listed by GNU cpio as it was meant', () => {
    const listing = run('cpio', ['-itv', '--quiet', '--numeric-uid-gid'], { input: archive }).toString();
    const lines = listing
      .trimEnd()
      .split('\n')
      .map((line) => line.replace(/\s+/gu, ' '));
    expect(lines).toEqual([
      '-rwxr-xr-x 1 0 0 21 Nov 14 2023 init',
      'drwxr-xr-x 2 0 0 0 Nov 14 2023 bin',
      'lrwxrwxrwx 1 0 0 7 Nov 14 2023 bin/sh -> busybox',
      'drwxr-xr-x 2 0 0 0 Nov 14 2023 dev',
      'crw------- 1 0 0 5, 1 Nov 14 2023 dev/console',
      'brw-rw---- 1 0 6 8, 300 Nov 14 2023 dev/sda',
      'drwxr-xr-x 2 0 0 0 Nov 14 2023 run',
      'prw------- 1 1000 0 0 Nov 14 2023 run/pipe',
      'drwxrwxrwt 2 0 0 0 Nov 14 2023 tmp',
      '-rws--x--x 1 0 0 4097 Nov 14 2023 odd size',
    ]);
  });

  it('gives its files back through GNU cpio', () => {
    const content = run('cpio', ['-i', '--quiet', '--to-stdout', 'odd size'], { input: archive });
    expect(Buffer.compare(content, Buffer.alloc(4097, 'x'))).toBe(0);
  });

  it('is unpacked by busybox-style readers of concatenations', () => {
    const second = packCpio([{ kind: 'file', path: 'later', data: Buffer.from('2') }]);
    const both = Buffer.concat([archive, second]);
    // GNU cpio stops at the first trailer; what is left must be an archive by itself.
    expect(run('cpio', ['-it', '--quiet'], { input: both.subarray(archive.length) }).toString()).toBe('later\n');
    expect(readCpio(both)).toHaveLength(11);
  });
});
