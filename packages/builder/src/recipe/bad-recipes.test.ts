import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, expect, it } from 'vitest';
import { loadRecipe, RecipeError } from './load.js';
import { memoryReader } from '../../test/support/memory-reader.js';

interface BadRecipe {
  readonly mistake: string;
  readonly recipe: string;
  readonly beside?: string[];
  readonly error: string;
}

const data = new URL('../../test/data/bad-recipes.yaml', import.meta.url);
const badRecipes = parse(readFileSync(data, 'utf8')) as BadRecipe[];

/** What is said of a recipe; `recipe.yaml` where its path is. */
const refusalOf = async ({ recipe, beside = [] }: BadRecipe): Promise<string> => {
  const others = beside.map((path) => [`/recipes/mine/${path}`, ''] as const);
  const reader = memoryReader(Object.fromEntries([['/recipes/mine/recipe.yaml', recipe], ...others]));
  try {
    await loadRecipe('mine', '/recipes', { reader, shipped: '/shipped' });
  } catch (error) {
    if (error instanceof RecipeError) return error.message.replaceAll('/recipes/mine/', '');
    throw error;
  }
  return 'it was accepted';
};

describe('a bad recipe is refused with line, key and remedy:', () => {
  it('there are fifty of them or more', () => {
    expect(badRecipes.length).toBeGreaterThanOrEqual(50);
  });

  it.each(badRecipes)('$mistake', async (bad) => {
    expect(await refusalOf(bad)).toBe(bad.error);
  });
});
