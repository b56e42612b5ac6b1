import { chown, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createToolRunner } from '@drover/tools';
import { clearBuildCache } from '../../src/index.js';
import { openBuildStore, type BuildStore } from '../../src/store/build-store.js';
import { makeWorkFolder } from '../../src/store/work-folders.js';

const tools = createToolRunner();
const { signal } = new AbortController();
const key = 'c0ffee'.repeat(10);
const all = { since: Infinity, packages: true, signal };

let folder: string;
let store: BuildStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-clear-'));
  store = await openBuildStore(folder);
  const made = join(folder, 'made');
  await mkdir(join(made, 'root/closed'), { recursive: true, mode: 0o755 });
  await writeFile(join(made, 'root/closed/file'), Buffer.alloc(100_000));
  // As apt's own folders are: of another user.
  if (process.getuid?.() === 0) await chown(join(made, 'root/closed'), 42, 0);
  await store.keepLayer(key, made, { format: 1, kind: 'files', epoch: 1000, packages: [] });
  await writeFile(join(store.packages, 'one.deb'), Buffer.alloc(50_000));
});
afterEach(() => rm(folder, { recursive: true }));

it('what builds keep is deleted, packages where it is wanted, and the sum is told', async () => {
  const first = await clearBuildCache(tools, folder, { ...all, packages: false });
  expect(first).toBeGreaterThan(100_000);
  expect(first).toBeLessThan(150_000);
  expect(await readdir(store.layers)).toEqual([]);
  expect(await readdir(store.packages)).toEqual(['one.deb']);
  expect(await clearBuildCache(tools, folder, all)).toBeGreaterThanOrEqual(50_000);
  expect(await readdir(store.packages)).toEqual([]);
  expect(await readdir(store.work)).toEqual([]);
  // An empty folder takes a block.
  expect(await clearBuildCache(tools, folder, all)).toBeLessThanOrEqual(4096);
  expect(await readdir(store.work)).toEqual([]);
});

it('a folder that is no cache keeps what is in it, and one that is not there is not made', async () => {
  const other = join(folder, 'other');
  expect(await clearBuildCache(tools, other, all)).toBe(0);
  await mkdir(join(other, 'packages'), { recursive: true });
  await writeFile(join(other, 'packages/mine.deb'), 'mine');
  await expect(clearBuildCache(tools, other, all)).rejects.toThrow(/is no cache of builds/);
  expect(await readdir(other, { recursive: true })).toEqual(['packages', 'packages/mine.deb']);
});

it('what was used since stays', async () => {
  expect(await clearBuildCache(tools, folder, { ...all, packages: false, since: Date.now() - 60_000 })).toBe(0);
  expect(await store.layer(key)).toBeDefined();
});

it('a cache that a build works with is not touched', async () => {
  await makeWorkFolder(store.work);
  await expect(clearBuildCache(tools, folder, all)).rejects.toThrow(/A build is at work/);
  expect(await store.layer(key)).toBeDefined();
});
