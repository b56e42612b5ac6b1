import { stat, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { refusal, RefusedError } from '@drover/contract';
import { createHelperStore, createInitramfsComposer } from '@drover/initramfs';
import { createToolRunner } from '@drover/tools';
import { build, planBuild, type BuildOptions, type BuildPlan } from './build/build.js';
import type { ComposeInitramfs } from './build/finish.js';
import { loadRecipe } from './recipe/load.js';
import type { RecipePlaces } from './recipe/locate.js';
import type { Recipe } from './recipe/recipe.js';

const ours = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url));

/** Recipes on this machine, and those that come with Drover. */
export const localRecipes: RecipePlaces = {
  shipped: ours('recipes'),
  reader: {
    kind: async (path) => {
      const found = await stat(path).catch(() => undefined);
      if (found?.isDirectory() === true) return 'folder';
      return found?.isFile() === true ? 'file' : undefined;
    },
    read: (path) => readFile(path, 'utf8'),
  },
};

export interface LocalBuilder {
  /** Reads a recipe by its folder, its file, or the name of one that comes with Drover. Throws RecipeError. */
  load(reference: string, from: string): Promise<Recipe>;
  plan(recipe: Recipe, options: Pick<BuildOptions, 'onEvent' | 'signal' | 'lockFile'>): Promise<BuildPlan>;
  build(recipe: Recipe, options: BuildOptions): Promise<void>;
}

/** Composes in memory: the parts of one kernel are some 20 MB. */
function createCompose(cacheDir: string): ComposeInitramfs {
  const helpers = createHelperStore({ tools: createToolRunner(), cacheDir, now: Date.now });
  return async (volume, { release, architecture }, signal) => {
    const parts: Uint8Array[] = [];
    const put = async (source: AsyncIterable<Uint8Array>): Promise<{ digest: string; size: number }> => {
      let size = 0;
      for await (const chunk of source) {
        parts.push(chunk);
        size += chunk.length;
      }
      return { digest: '', size };
    };
    const composer = createInitramfsComposer({ helpers, deviceFolder: ours('device'), put });
    await composer.composeCommon(architecture, signal);
    const made = await composer.composeModules(volume, release, architecture, signal);
    if (!made.ok)
      throw new RefusedError(refusal(made.code, made.detail, made.remedy === undefined ? {} : { remedy: made.remedy }));
    return Buffer.concat(parts);
  };
}

/** Builds on this machine. `cacheDir`: for packages, layers and the programs of the initramfs; all of it can be made again. */
export function createLocalBuilder({ cacheDir }: { readonly cacheDir: string }): LocalBuilder {
  const compose = createCompose(`${cacheDir}/helpers`);
  const deps = { tools: createToolRunner(), compose, cacheDir, arch: process.arch, now: Date.now };
  return {
    load: (reference, from) => loadRecipe(reference, from, localRecipes),
    plan: (recipe, options) => planBuild(recipe, deps, options),
    build: (recipe, options) => build(recipe, deps, options),
  };
}
