import { stat, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { createHelperStore, createInitramfsComposer } from '@drover/initramfs';
import { createToolRunner } from '@drover/tools';
import { build, planBuild } from './build/build.js';
import type { ComposeInitramfs } from './build/finish.js';
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
    const composer = createInitramfsComposer({ helpers, deviceFolder: join(installation, 'device'), put });
    await composer.composeCommon(architecture, signal);
    const made = await composer.composeModules(volume, release, architecture, signal);
    if (!made.ok)
      throw new RefusedError(refusal(made.code, made.detail, made.remedy === undefined ? {} : { remedy: made.remedy }));
    return Buffer.concat(parts);
  };
}

export interface LocalBuilderOptions {
  /** For packages, layers and the programs of the initramfs; all of it can be made again. */
  readonly cacheDir: string;
}

/** Builds on this machine. */
export function createLocalBuilder({ cacheDir }: LocalBuilderOptions): Builder {
  const compose = createCompose(`${cacheDir}/helpers`);
  const deps = { tools: createToolRunner(), compose, cacheDir, arch: process.arch, now: Date.now };
  return {
    plan: (recipe, options) => planBuild(recipe, deps, options),
    build: (recipe, options) => build(recipe, deps, options),
  };
}
