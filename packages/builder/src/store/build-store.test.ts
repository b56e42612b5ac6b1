import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBuildStore, type LayerRecord } from './build-store.js';
import { leftWorkFolders, makeWorkFolder } from './work-folders.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-store-'));
});
afterEach(() => rm(folder, { recursive: true }));

const key = 'c0ffee'.repeat(10);
const record: LayerRecord = { format: 1, kind: 'files', epoch: 1000, packages: [] };
const made = async (name: string): Promise<string> => {
  await mkdir(join(folder, name, 'root'), { recursive: true });
  await writeFile(join(folder, name, 'root/file'), name);
  return join(folder, name);
};

describe('a layer', () => {
  it('is there as a whole once it is kept, and the first of two stays', async () => {
    const store = await openBuildStore(folder);
    expect(await store.layer(key)).toBeUndefined();
    await store.keepLayer(key, await made('one'), record);
    await store.keepLayer(key, await made('two'), record);
    expect(await store.layer(key)).toEqual(record);
    expect(await readFile(join(store.layers, store.treeOf(key), 'file'), 'utf8')).toBe('one');
  });

  it.each(['', '{', '{}'])(
    'whose record was lost (%j) is made again, and what was left of it is deleted',
    async (text) => {
      const store = await openBuildStore(folder);
      await store.keepLayer(key, await made('one'), record);
      const [name = ''] = await readdir(store.layers);
      await writeFile(join(store.layers, name, 'layer.json'), text);
      expect(await store.layer(key)).toBeUndefined();
      await store.keepLayer(key, await made('two'), record);
      expect(await store.layer(key)).toEqual(record);
      expect(await readFile(join(store.layers, store.treeOf(key), 'file'), 'utf8')).toBe('two');
      expect(await leftWorkFolders(store.work)).toHaveLength(1);
    },
  );
});

it('a package that was cut off is not there', async () => {
  const store = await openBuildStore(folder);
  await writeFile(join(store.packages, 'abc.deb'), 'whole');
  expect(await store.hasPackage({ sha256: 'abc', size: 5 })).toBe(true);
  expect(await store.hasPackage({ sha256: 'abc', size: 6 })).toBe(false);
  expect(await store.hasPackage({ sha256: 'abd', size: 5 })).toBe(false);
});

it('a folder of a build that runs is not deleted, and that of another time with its number is', async () => {
  const own = await makeWorkFolder(join(folder, 'work'));
  const dead = join(folder, 'work', `${process.pid}-1-abcdef`);
  await mkdir(dead);
  expect(await leftWorkFolders(join(folder, 'work'))).toEqual([dead]);
  expect(own).toContain(`/${process.pid}-`);
});
