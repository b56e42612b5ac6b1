import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createToolRunner } from '@drover/tools';
import type { Recipe } from '../recipe/recipe.js';
import { openBuildStore } from '../store/build-store.js';
import { makeWorkFolder } from '../store/work-folders.js';
import type { BuildRequest } from './messages.js';

/** Gives the recipe with its folders where they are here. What was sent is deleted afterwards, by the next build when this process is killed. */
export async function withFolders(
  { recipe, folders, cacheDir }: BuildRequest,
  work: (recipe: Recipe) => Promise<void>,
): Promise<void> {
  if (folders === null) return work(recipe);
  const store = await openBuildStore(cacheDir);
  const folder = await makeWorkFolder(store.work);
  const tools = createToolRunner();
  try {
    const steps = await Promise.all(
      recipe.steps.map(async (step, index) => {
        // Its name is in titles and messages.
        const into = join(folder, String(index), step.name);
        await mkdir(into, { recursive: true });
        const tar = `${into}.tar`;
        await writeFile(tar, Buffer.from(folders[index] ?? '', 'base64'));
        await tools.run('tar', ['-x', '--no-same-owner', '-f', tar, '-C', into]);
        await rm(tar);
        return { ...step, folder: into };
      }),
    );
    await work({ ...recipe, steps });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
