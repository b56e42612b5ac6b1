import { readdirSync } from 'node:fs';
import { expect, it } from 'vitest';
import { shippedRecipes } from './shipped.js';

it('the recipes that are offered are those that come with Drover', () => {
  const folder = new URL('../../../../recipes/', import.meta.url);
  expect(Object.keys(shippedRecipes).toSorted()).toEqual(readdirSync(folder).toSorted());
});
