import { stat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHelperStore } from '@drover/initramfs';
import { createToolRunner } from '@drover/tools';
import { createCompose } from './boot/compose.js';
import { build, planBuild } from './build/build.js';
import type { Builder } from './builder.js';
import { installation } from './installation.js';
import type { RecipePlaces } from './recipe/locate.js';

/** Recipes on this machine, and those that come with Drover. */
export const localRecipes: RecipePlaces = {
  shipped: join(installation, 'recipes'),
  reader: {
    kind: async (path) => {
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory() === true) return 'folder';
      return found?.isFile() === true ? 'file' : undefined;
    },
    read: (path) => readFile(path, 'utf8'),
  },
};

export interface LocalBuilderOptions {
  /** For packages, layers and the programs of the initramfs; all of it can be made again. */
  readonly cacheDir: string;
}

/** Builds on this machine. */
export function createLocalBuilder({ cacheDir }: LocalBuilderOptions): Builder {
  const tools = createToolRunner();
  const helpers = createHelperStore({ tools, cacheDir: join(cacheDir, 'helpers'), now: Date.now });
  const compose = createCompose({ helpers, deviceFolder: join(installation, 'device') });
  const deps = { tools, compose, cacheDir, arch: process.arch, now: Date.now };
  return {
    plan: (recipe, options) => planBuild(recipe, deps, options),
    build: (recipe, options) => build(recipe, deps, options),
  };
}
