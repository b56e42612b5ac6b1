import { mkdtemp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeFolder, tryFolder } from './output-folder.js';

let top: string;
beforeEach(async () => {
  top = await mkdtemp(join(tmpdir(), 'drover-output-'));
});
afterEach(() => rm(top, { recursive: true, force: true }));

describe('a folder to write into', () => {
  it('is not there after it was tried, and what is there stays', async () => {
    await mkdir(join(top, 'a'));
    await writeFile(join(top, 'a/kept'), '');
    for (const name of ['a', 'a/b/c', 'd/e']) await tryFolder(join(top, name));
    expect(await readdir(top, { recursive: true })).toEqual(['a', 'a/kept']);
  });

  it.each(['file', 'file/below/it'])('is refused where it cannot be: %s', async (name) => {
    await writeFile(join(top, 'file'), '');
    await expect(tryFolder(join(top, name))).rejects.toThrow(/file cannot be written: ENOTDIR/);
    await expect(makeFolder(join(top, name))).rejects.toThrow(/file cannot be made: EEXIST/);
  });

  it('of a name that none may have is refused when it is made', async () => {
    await expect(makeFolder(join(top, 'x'.repeat(300)))).rejects.toThrow(/cannot be made: ENAMETOOLONG/);
  });

  it('may be tried and made by many at once', async () => {
    const folder = join(top, 'a/b');
    await Promise.all(Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? tryFolder : makeFolder)(folder)));
    expect(await readdir(top, { recursive: true })).toEqual(['a', 'a/b']);
  });
});
