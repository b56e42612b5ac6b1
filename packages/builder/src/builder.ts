import type { BuildOptions, BuildPlan } from './build/build.js';
import type { Recipe } from './recipe/recipe.js';

export type PlanOptions = Pick<BuildOptions, 'onEvent' | 'signal' | 'lockFile' | 'images'>;

/** Builds images from recipes, here or elsewhere: the same recipe and the same packages give the same bytes wherever that is. */
export interface Builder {
  /** Chooses packages and says what would be done. */
  plan(recipe: Recipe, options: PlanOptions): Promise<BuildPlan>;
  /** Builds, and hands over what was made. Throws RefusedError; rejects with the signal's reason. */
  build(recipe: Recipe, options: BuildOptions): Promise<void>;
}
