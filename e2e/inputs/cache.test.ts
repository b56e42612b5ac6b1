import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Recipe } from './cache.js';

let dir: string;
let cached: (recipe: Recipe) => Promise<string>;

beforeEach(async () => {
  dir = await mkdtemp(path.join(os.tmpdir(), 'drv-cache-'));
  vi.stubEnv('DROVER_LAB_CACHE', dir);
  vi.resetModules();
  ({ cached } = await import('./cache.js'));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await rm(dir, { recursive: true });
});

function recipe(build: Recipe['build'], needs: readonly string[] = []): Recipe {
  return { name: 'thing', code: ['run.ts'], needs, build };
}

const built = async (): Promise<string[]> => (await readdir(dir)).filter((name) => !name.endsWith('.lock'));

test('builds once, and again when what it depends on changes', async () => {
  let builds = 0;
  const build = async (into: string): Promise<void> => {
    builds += 1;
    await writeFile(path.join(into, 'result'), String(builds));
  };
  const first = await cached(recipe(build));
  expect(await cached(recipe(build))).toBe(first);
  expect(await readFile(path.join(first, 'result'), 'utf8')).toBe('1');
  expect(await cached(recipe(build, ['package=2']))).not.toBe(first);
  expect(builds).toBe(2);
});

test('builders take turns, and those who waited take what the first one made', async () => {
  let builds = 0;
  const slowly = async (): Promise<void> => {
    builds += 1;
    await new Promise((resolve) => setTimeout(resolve, 100));
  };
  const entries = await Promise.all([1, 2, 3].map(() => cached(recipe(slowly))));
  expect(new Set(entries).size).toBe(1);
  expect(builds).toBe(1);
});

test('a failed build leaves nothing and keeps nobody from trying again', async () => {
  const failing = recipe(async (into) => {
    await writeFile(path.join(into, 'half'), '');
    throw new Error('no space left');
  });
  await expect(cached(failing)).rejects.toThrow('no space left');
  expect(await built()).toEqual([]);
  await cached(recipe(async () => undefined));
});

test('a killed builder’s lock is free at once, and its half-made folder goes', async () => {
  const child = spawn(
    process.execPath,
    [
      ...['--import', 'tsx', '--input-type=module', '-e'],
      `import { cached } from ${JSON.stringify(new URL('./cache.ts', import.meta.url).href)};
       await cached({ name: 'thing', code: ['run.ts'], needs: [], build: () => {
         console.log('building');
         return new Promise((resolve) => setTimeout(resolve, 60_000));
       } });`,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, DROVER_LAB_CACHE: dir } },
  );
  await once(child.stdout, 'data');
  child.kill('SIGKILL');
  await once(child, 'close');
  const entry = await cached(recipe(async () => undefined));
  expect(await built()).toEqual([path.basename(entry)]);
});
