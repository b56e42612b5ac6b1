import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { lastOfEach, manifestDigest, manifestFile } from './device-files.js';

const file = (path: string, change = {}) => ({
  ...{ path, mode: 0o644, uid: 0, gid: 0, sha256: 'a'.repeat(64) },
  ...change,
});

describe('the files of a device', () => {
  it('are listed by path, a line for each', () => {
    const files = [file('etc/b c', { mode: 0o4755, uid: 33, gid: 44 }), file('etc/a', { mode: 0o600 })];
    const { text } = manifestFile(files);
    expect(text).toBe(`${'a'.repeat(64)} 0600 0 0 /etc/a\n${'a'.repeat(64)} 4755 33 44 /etc/b c\n`);
    expect(manifestDigest(files)).toBe(createHash('sha256').update(text).digest('hex'));
  });

  it('are others when one of them is in any way', () => {
    const before = manifestDigest([file('etc/a')]);
    expect(manifestDigest([file('etc/a')])).toBe(before);
    for (const change of [{ mode: 0o600 }, { uid: 1 }, { gid: 1 }, { sha256: 'b'.repeat(64) }, { path: 'etc/b' }])
      expect(manifestDigest([file('etc/a', change)])).not.toBe(before);
  });

  it('have the later one of two with one path', () => {
    const [first, second] = [file('etc/a'), file('etc/a', { uid: 7 })];
    expect(lastOfEach([first, file('etc/b'), second])).toEqual([second, file('etc/b')]);
    expect(manifestDigest([first, second])).toBe(manifestDigest([second]));
  });
});
