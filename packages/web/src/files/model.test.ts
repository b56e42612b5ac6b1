import { describe, expect, it } from 'vitest';
import { noFile, readFile, sizeOfBase64, tooMany } from './model.js';

describe('a file of a board', () => {
  it('is text that was typed, or a file that was chosen', () => {
    const typed = { ...noFile, path: '/etc/app/token', mode: '0600', owner: '33:34', text: 'geheim – nicht lesen' };
    const read = readFile(typed);
    expect(read).toMatchObject({ ok: true, file: { path: '/etc/app/token', mode: '0600', uid: 33, gid: 34 } });
    expect(read.ok && Buffer.from(read.file.content, 'base64').toString()).toBe('geheim – nicht lesen');
    expect(readFile({ ...typed, owner: '7', chosen: '/w==' })).toMatchObject({
      file: { content: '/w==', uid: 7, gid: 7 },
    });
  });

  it.each([
    [{ path: '' }, 'Say where it lies'],
    [{ path: 'etc/token' }, 'The path is not an absolute path'],
    [{ path: '/etc/../token' }, 'The path has . or .. in it'],
    [{ path: '/a', mode: 'rw' }, 'The mode is not a mode like 0644'],
    [{ path: '/a', owner: 'root' }, 'Write the owner as numbers'],
    [{ path: '/a', owner: '70000' }, 'The owner'],
    [{ path: '/a', text: 'x'.repeat(600 * 1024) }, 'The file is more than 512 KiB'],
  ])('that cannot be says why: %j', (change, problem) => {
    const read = readFile({ ...noFile, ...change });
    expect(read.ok ? '' : read.problem).toContain(problem);
  });
});

it('knows how much fits', () => {
  expect(['', 'YQ==', 'YWI=', 'YWJj'].map(sizeOfBase64)).toEqual([0, 1, 2, 3]);
  const file = { path: '/a', mode: '0644', uid: 0, gid: 0, content: 'A'.repeat(600_000) };
  expect(tooMany([file, file])).toBeUndefined();
  expect(tooMany(Array.from({ length: 5 }, () => file))).toContain('2 MiB');
  expect(tooMany(Array.from({ length: 65 }, () => ({ ...file, content: '' })))).toContain('64 files');
});
