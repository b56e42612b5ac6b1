import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openBuildStore, type LayerRecord } from './build-store.js';
import { retireUnused } from './unused.js';
import { hasBuilds, leftWorkFolders, makeWorkFolder } from './work-folders.js';

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

describe('what no build has used for long', () => {
  const old = new Date(1_000_000);
  it('is moved to where it is deleted, but packages', async () => {
    const store = await openBuildStore(folder);
    const other = 'decade'.repeat(10);
    for (const each of [key, other]) await store.keepLayer(each, await made('one'), record);
    await writeFile(join(store.bases, 'old.img'), 'an image');
    await writeFile(join(store.bases, 'new.img'), 'an image');
    await writeFile(join(store.packages, 'old.deb'), 'a package');
    const lists = [await store.aptFolder(key), await store.aptFolder(other)];
    const unused = [join(store.layers, key.slice(0, 20), 'layer.json'), join(store.bases, 'old.img'), lists[0] ?? ''];
    for (const path of [...unused, join(store.packages, 'old.deb')]) await utimes(path, old, old);

    await retireUnused(store, Date.now() - 60_000);
    expect(await readdir(store.layers)).toEqual([other.slice(0, 20)]);
    expect(await readdir(store.bases)).toEqual(['new.img']);
    expect(await readdir(store.lists)).toEqual([other.slice(0, 20)]);
    expect(await readdir(store.packages)).toEqual(['old.deb']);
    expect(await leftWorkFolders(store.work)).toHaveLength(3);
    expect(await hasBuilds(store.work)).toBe(false);
  });

  it.each(['layer', 'base', 'aptFolder'] as const)('stays when a build uses it: %s', async (use) => {
    const store = await openBuildStore(folder);
    await store.keepLayer(key, await made('one'), record);
    await writeFile(join(store.bases, `${key}.img`), 'an image');
    await store.aptFolder(key);
    const place = { layer: store.layers, base: store.bases, aptFolder: store.lists }[use];
    const [name = ''] = await readdir(place);
    await utimes(join(place, name, use === 'layer' ? 'layer.json' : ''), old, old);
    await store[use](key);
    await retireUnused(store, Date.now() - 60_000);
    expect(await readdir(place)).toEqual([name]);
  });
});

it('a build at work is known by its folder', async () => {
  const work = join(folder, 'work');
  expect(await hasBuilds(work)).toBe(false);
  await makeWorkFolder(work);
  expect(await hasBuilds(work)).toBe(true);
});
