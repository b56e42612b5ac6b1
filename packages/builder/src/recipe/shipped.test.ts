import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { localRecipes } from '../local-builder.js';
import { loadRecipe } from './load.js';

const shipped = readdirSync(localRecipes.shipped).sort();

it('base and those that go on from it come with Drover', () => {
  expect(shipped).toEqual(['base', 'builder', 'dns-filter', 'docker', 'docker-disk', 'k3s-agent', 'kiosk', 'stock']);
});

it.each(shipped)('%s can be used by its name, from anywhere', async (name) => {
  const recipe = await loadRecipe(name, '/nowhere', localRecipes);
  expect(recipe.name).toBe(name);
  expect(recipe.description).toMatch(/\w/);
  expect(recipe.allowed).toEqual([]);
  expect(recipe.steps[0]?.name).toBe('base');
});
