import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { connectHere, createProcessBuilder, type Builder, type Finished, type Recipe } from '@drover/builder';
import { buildFileNames, refusal, RefusedError, success, type BuildFileName } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import type { BuildRequest, ImageBuilder, MadeFile, MadeImage, RecipeBook } from '../../app/builds/ports.js';
import { loadFromFolder, loadShipped, loadUploaded } from './recipes.js';
import { unpackRecipes } from './unpack.js';

export interface ImageBuilderSettings {
  /** For packages, layers and the programs of the initramfs. */
  readonly cacheDir: string;
  /** Recipes of this server; undefined: none. */
  readonly recipes: string | undefined;
  /** Bytes of an uploaded tar of recipes. */
  readonly maxRecipeSize: number;
}

/** Builds in a process of its own for each, with the builder that `drover build` has: boards are not kept waiting by it, and what it leaves is known by its process. */
export function createImageBuilder(settings: ImageBuilderSettings): ImageBuilder {
  const { cacheDir } = settings;
  const builder = createProcessBuilder({ connect: connectHere(cacheDir), temporary: join(cacheDir, 'work') });
  const tools = createToolRunner();
  const recipeOf = async ({ recipe }: BuildRequest, signal: AbortSignal): Promise<Recipe> => {
    if (recipe.kind === 'shipped') return loadShipped(recipe.name);
    if (recipe.kind === 'folder') return loadFromFolder(recipe.name, settings.recipes);
    await unpackRecipes(tools, recipe.tar, recipe.scratch, { limit: settings.maxRecipeSize, signal });
    return loadUploaded(recipe.path, recipe.scratch);
  };
  return {
    build: async (request, { onEvent, signal, openImage, deliver }) => {
      const recipe = await recipeOf(request, signal);
      const lockFile = await readLock(request.lock);
      const give: Parameters<Builder['build']>[1]['deliver'] = async (finished, folder) =>
        deliver(await madeOf(finished, folder));
      const images = { open: openImage };
      await builder.build(recipe, { strong: request.release, onEvent, signal, lockFile, images, deliver: give });
    },
  };
}

/** What recipes on this server extend. */
export const createRecipeBook = (folder: string | undefined): RecipeBook => ({
  chainOf: async ({ kind, name }) => {
    try {
      const { steps } = kind === 'shipped' ? await loadShipped(name) : await loadFromFolder(name, folder);
      return success(steps.map((step) => step.name));
    } catch (error) {
      if (error instanceof RefusedError) return error.refusal;
      throw error;
    }
  },
});

/** As large as the list of a system with ten thousand packages. */
const maxLockSize = 8 * 1024 * 1024;

async function readLock(path: string | null): Promise<{ path: string; text: string } | undefined> {
  if (path === null) return undefined;
  const bytes = await readFile(path);
  if (bytes.length > maxLockSize)
    throw new RefusedError(
      refusal('request.invalid', `The list of packages has ${bytes.length} bytes.`, {
        remedy: 'Upload the packages.lock.json of an earlier build.',
        errors: [{ field: 'lock', message: 'is too large' }],
      }),
    );
  // The name is for messages: it was uploaded, and has no path that means anything.
  return { path: 'packages.lock.json', text: bytes.toString('utf8') };
}

async function madeOf({ manifest, disk }: Finished, folder: string): Promise<MadeImage> {
  const known = (name: string, path: string): MadeFile | undefined => {
    const built = manifest.files[name];
    return built && { path, sha256: built.sha256, size: built.size };
  };
  const file = async (name: BuildFileName): Promise<MadeFile & { name: BuildFileName }> => {
    const path = join(folder, name);
    return { name, ...(known(name, path) ?? (await digested(path))) };
  };
  return {
    name: manifest.name,
    version: manifest.version,
    disk: known('disk.img', disk) ?? (await digested(disk)),
    files: await Promise.all(buildFileNames.map(file)),
  };
}

/** Of a small file. */
async function digested(path: string): Promise<MadeFile> {
  const bytes = await readFile(path);
  return { path, sha256: createHash('sha256').update(bytes).digest('hex'), size: bytes.length };
}
