export { lintChecks, type LintCheck } from './lint/checks.js';
export { loadRecipe, RecipeError } from './recipe/load.js';
export { type RecipePlaces, type RecipeReader } from './recipe/locate.js';
export { type Recipe, type RecipeBase, type RecipeStep } from './recipe/recipe.js';
