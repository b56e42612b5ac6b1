import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parsePackageList, type PrivateApt } from '@drover/debian';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Recipe } from '../recipe/recipe.js';
import { keptLock } from './kept-lock.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drv-lock-'));
});
afterEach(() => rm(folder, { recursive: true }));

const list = (name: string): string =>
  `Package: ${name}\nVersion: 1\nArchitecture: arm64\nDepends: libc6\nFilename: pool/${name}.deb\nSize: 1\nSHA256: ${'ab'.repeat(32)}\n`;
const recipeWith = (...packages: string[]) =>
  ({
    base: { kind: 'suite' },
    ...{ kernel: { package: null, firmware: null }, architecture: 'arm64', recommends: false },
    steps: [{ packages, removePackages: [] }],
  }) as unknown as Recipe;

/** An apt that chooses what it is asked for, and counts how often. */
function countingApt() {
  const state = { lists: 'one', asked: 0 };
  const apt = {
    listsDigest: () => Promise.resolve(state.lists),
    resolve: ({ install }: { install: readonly string[] }) => {
      state.asked += 1;
      return Promise.resolve({ install: install.flatMap((name) => parsePackageList(list(name))), remove: [] });
    },
  } as unknown as PrivateApt;
  return { apt, state };
}

it('what was chosen from the same lists for the same wishes is not asked again, and comes back as it was', async () => {
  const { apt, state } = countingApt();
  const options = { present: [], kept: join(folder, 'kept'), folder, signal: new AbortController().signal };
  const first = await keptLock(recipeWith('nano'), apt, options);
  expect(state.asked).toBe(3);
  expect(await keptLock(recipeWith('nano'), apt, options)).toEqual(first);
  expect(first.steps[0]?.install[0]?.stanza.get('depends')).toBe('libc6');
  expect(state.asked).toBe(3);
  await keptLock(recipeWith('vim'), apt, options);
  expect(state.asked).toBe(6);
  state.lists = 'two';
  await keptLock(recipeWith('nano'), apt, options);
  expect(state.asked).toBe(9);
});
