import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { refusesOnly } from '../../test/support/exercise.js';
import { expectRefusal, patched } from '../../test/support/expect.js';
import { fieldsIn, mutations, withMutations } from '../../test/support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';
import { packCpio } from './pack.js';
import { readCpio } from './read.js';
import type { CpioEntry } from './types.js';

const data = (text: string): Uint8Array => new TextEncoder().encode(text);
const entries: CpioEntry[] = [
  { kind: 'file', path: 'init', mode: 0o755, data: data('#!/bin/sh\n') },
  { kind: 'symlink', path: 'bin/sh', target: 'busybox' },
  { kind: 'char', path: 'dev/console', major: 5, minor: 1 },
  { kind: 'block', path: 'dev/mmcblk0', mode: 0o660, gid: 6, major: 179, minor: 0 },
  { kind: 'fifo', path: 'run/drover/pipe', uid: 3_000_000, mtime: 77 },
  { kind: 'directory', path: 'tmp', mode: 0o1777 },
  { kind: 'file', path: 'empty', data: data('') },
];

describe('packCpio', () => {
  it('gives back what was packed, with the parents nothing listed', () => {
    const records = readCpio(packCpio(entries, { mtime: 1000 }));
    expect(records.map(({ path, kind, mode }) => [path, kind, mode.toString(8)])).toEqual([
      ['init', 'file', '755'],
      ['bin', 'directory', '755'],
      ['bin/sh', 'symlink', '777'],
      ['dev', 'directory', '755'],
      ['dev/console', 'char', '600'],
      ['dev/mmcblk0', 'block', '660'],
      ['run', 'directory', '755'],
      ['run/drover', 'directory', '755'],
      ['run/drover/pipe', 'fifo', '600'],
      ['tmp', 'directory', '1777'],
      ['empty', 'file', '644'],
    ]);
    expect(records.map(({ inode }) => inode)).toEqual(records.map((_, i) => i + 1));
    expect(Buffer.from(records[2]?.data ?? []).toString()).toBe('busybox');
    expect(records[4]).toMatchObject({ major: 5, minor: 1, mtime: 1000, nlink: 1 });
    expect(records[8]).toMatchObject({ uid: 3_000_000, mtime: 77 });
  });

  it('gives the same bytes for the same entries, in whole blocks', () => {
    const first = packCpio(entries);
    expect(Buffer.compare(first, packCpio([...entries]))).toBe(0);
    expect(first.length % 512).toBe(0);
    expect(packCpio([]).length).toBe(512);
  });

  it('makes archives that can stand one behind the other', () => {
    const second: CpioEntry[] = [{ kind: 'file', path: 'etc/session', data: data('s') }];
    const both = Buffer.concat([packCpio(entries), packCpio(second)]);
    expect(readCpio(both).slice(-2)).toMatchObject([{ path: 'etc' }, { path: 'etc/session' }]);
  });

  it('leaves parents to the caller when told so', () => {
    expect(readCpio(packCpio([{ kind: 'fifo', path: 'a/b' }], { parents: false }))).toHaveLength(1);
  });

  it.each(['', '/init', 'a//b', '../a', 'a/./b', 'a\0b', 'a/', 'TRAILER!!!'])('refuses the path %j', async (path) => {
    await expectRefusal(async () => packCpio([{ kind: 'fifo', path }]), 'image.cpio.entry');
  });

  it('refuses an entry that is there twice, and numbers that do not fit', async () => {
    const twice: CpioEntry[] = [
      { kind: 'directory', path: 'a' },
      { kind: 'fifo', path: 'a' },
    ];
    await expectRefusal(async () => packCpio(twice), 'image.cpio.entry');
    await expectRefusal(async () => packCpio([{ kind: 'fifo', path: 'a', mode: 0o20000 }]), 'image.cpio.entry');
    await expectRefusal(async () => packCpio([{ kind: 'fifo', path: 'a', mtime: -1 }]), 'image.cpio.entry');
    await expectRefusal(async () => packCpio([{ kind: 'fifo', path: 'a', uid: 2 ** 32 }]), 'image.cpio.entry');
  });
});

describe('readCpio', () => {
  const archive = corpusImage('cpio');

  it('reads what GNU cpio wrote', () => {
    expect(readCpio(archive).map(({ path, kind, nlink }) => [path, kind, nlink])).toEqual([
      ['tools', 'directory', 2],
      ['tools/file', 'file', 1],
    ]);
    expect(readCpio(new Uint8Array(1024))).toEqual([]);
  });

  it('refuses an archive that is cut short or no archive', async () => {
    await expectRefusal(async () => readCpio(archive.subarray(0, 200)), 'image.cpio.corrupt');
    await expectRefusal(async () => readCpio(data('hello')), 'image.cpio.corrupt');
    await expectRefusal(async () => readCpio(patched(archive, [60, 1, 0x7a])), 'image.cpio.corrupt');
  });

  it('reads or refuses a changed archive', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('cpio', 2000);
    const image = Uint8Array.from(packCpio(entries));
    const fields = fieldsIn(0, image.length);
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        await withMutations(image, fields, changes, () => refusesOnly(async () => readCpio(image)));
      }),
      { numRuns, seed },
    );
  });

  it('reads or refuses arbitrary bytes', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('cpio bytes', 1000);
    const digits = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 104, maxLength: 104 });
    const header = digits.map((text) => data(`070701${text}`));
    const bytes = fc.array(fc.oneof(header, fc.uint8Array()), { maxLength: 4 }).map((parts) => Buffer.concat(parts));
    await fc.assert(
      fc.asyncProperty(bytes, async (archived) => {
        await refusesOnly(async () => readCpio(archived));
      }),
      { numRuns, seed },
    );
  });
});
