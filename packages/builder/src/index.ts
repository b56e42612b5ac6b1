export { lintChecks, type LintCheck } from './lint/checks.js';
export { loadRecipe, RecipeError } from './recipe/load.js';
export { type RecipePlaces, type RecipeReader } from './recipe/locate.js';
export { type Recipe, type RecipeBase, type RecipeStep } from './recipe/recipe.js';
export { builtNames, diskName, type Finished } from './build/finish.js';
export { type BuildOptions, type BuildPlan } from './build/build.js';
export { type BuildEvent } from './build/events.js';
export { createLocalBuilder, localRecipes, type LocalBuilder } from './local-builder.js';
export { ImageManifest } from './output/manifest.js';
