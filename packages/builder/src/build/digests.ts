import type { ImageManifest } from '../output/manifest.js';
import type { Content } from '../plan/content.js';
import { digestOf } from '../plan/layers.js';
import type { Recipe } from '../recipe/recipe.js';

/** Of the recipe and all it is made from, for the manifest. */
export async function digestsOf(recipe: Recipe, content: Content): Promise<ImageManifest['recipe']> {
  const chain = [];
  for (const step of recipe.steps)
    chain.push({
      name: step.name,
      digest: digestOf({ step: { ...step, folder: null }, folder: await content.folder(step.folder) }),
    });
  const { steps: _steps, ...rest } = recipe;
  return { digest: digestOf({ rest, chain }), chain };
}
