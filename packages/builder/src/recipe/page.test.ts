import { readdir } from 'node:fs/promises';
import { format } from 'prettier';
import { expect, it } from 'vitest';
import { localRecipes } from '../local-builder.js';
import { recipeKeys } from './document.js';
import { loadRecipe } from './load.js';
import { recipeJsonSchema, recipesPage } from './page.js';

it('keeps docs/how-to/recipes.md as the schema says (npm run generate -w @drover/builder)', async () => {
  const names = (await readdir(localRecipes.shipped)).sort();
  const recipes = await Promise.all(names.map((name) => loadRecipe(name, '/nowhere', localRecipes)));
  const shipped = recipes.map(({ name, description }) => ({ name, description: description ?? '' }));
  const page = await format(recipesPage(shipped), { parser: 'markdown', singleQuote: true, printWidth: 120 });
  await expect(page).toMatchFileSnapshot('../../../../docs/how-to/recipes.md');
});

it('keeps docs/api/recipe.schema.json as the schema says', async () => {
  const schema = await format(JSON.stringify(recipeJsonSchema()), { parser: 'json', printWidth: 120 });
  await expect(schema).toMatchFileSnapshot('../../../../docs/api/recipe.schema.json');
});

it('has a description for every key', () => {
  expect(recipeKeys.filter((key) => key.description === '').map((key) => key.path)).toEqual([]);
});
