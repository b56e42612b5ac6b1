import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { describe, it } from 'vitest';
import { memoryReader } from '../../test/support/memory-reader.js';
import { loadRecipe, RecipeError } from './load.js';

const numRuns = Math.ceil(1500 * Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? '1'));
const timeout = Math.max(60_000, numRuns * 40);
const seed = Number(process.env['DROVER_TEST_SEED'] ?? '20261128');

const data = new URL('../../test/data/bad-recipes.yaml', import.meta.url);
const recipes = (parse(readFileSync(data, 'utf8')) as { recipe: string }[]).map(({ recipe }) => recipe);
const lines = recipes.flatMap((recipe) => recipe.split('\n'));

const problemsOf = async (recipe: string): Promise<RecipeError['problems']> => {
  const reader = memoryReader({ '/recipes/mine/recipe.yaml': recipe });
  try {
    await loadRecipe('mine', '/recipes', { reader, shipped: '/shipped' });
    return [];
  } catch (error) {
    // Anything else is a fault of ours.
    if (!(error instanceof RecipeError)) throw error;
    return error.problems;
  }
};

const takesOrRefuses = async (recipe: string): Promise<void> => {
  for (const { origin, message, remedy } of await problemsOf(recipe))
    if (!/:\d+$/.test(origin) || message === '' || remedy === '') throw new Error(`${origin}: ${message}. ${remedy}`);
};

describe('a recipe, whatever is in it, is taken or refused with line and remedy:', () => {
  console.log(`fuzz builder/recipe: ${numRuns * 3} cases, seed ${seed}`);

  it('any text', { timeout }, async () => {
    await fc.assert(fc.asyncProperty(fc.string({ unit: 'binary', maxLength: 300 }), takesOrRefuses), { numRuns, seed });
  });

  it('lines of recipes in any order', { timeout }, async () => {
    const text = fc.array(fc.constantFrom(...lines), { maxLength: 12 }).map((some) => some.join('\n'));
    await fc.assert(fc.asyncProperty(text, takesOrRefuses), { numRuns, seed });
  });

  it('any value for any key', { timeout }, async () => {
    const keys = ['base', 'extends', 'models', 'packages', 'files', 'users', 'services', 'scripts', 'ansible', 'boot'];
    const more = ['sizes', 'kernel', 'sources', 'lint', 'version', 'locale', 'compression'];
    const document = fc.dictionary(fc.constantFrom(...keys, ...more), fc.jsonValue({ maxDepth: 3 }));
    const text = document.map((values) => JSON.stringify({ base: { suite: 'bookworm' }, ...values }));
    await fc.assert(fc.asyncProperty(text, takesOrRefuses), { numRuns, seed });
  });
});
