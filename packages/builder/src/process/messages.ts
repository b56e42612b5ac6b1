import type { ImageManifest } from '../output/manifest.js';
import type { BuildPlan } from '../build/build.js';
import type { BuildEvent } from '../build/events.js';
import type { Refusal } from '@drover/contract';
import type { Recipe } from '../recipe/recipe.js';

/** What a building process is asked, as its first line of JSON. The end of its input ends the build. */
export interface BuildRequest {
  readonly kind: 'build' | 'plan';
  readonly recipe: Recipe;
  readonly cacheDir: string;
  readonly strong: boolean;
  readonly lockFile: { readonly path: string; readonly text: string } | null;
  /** The disk of the server's image that the recipe begins with, where the process finds it. */
  readonly base: { readonly sha256: string; readonly path: string } | null;
  /** Tars in base64, one for each step of the recipe: what lies beside it, for a process that does not see our files. */
  readonly folders: readonly string[] | null;
}

/** Its second line: what was made is in good hands. */
export interface Taken {
  readonly kind: 'taken';
}

/** What the process says, each in a line of JSON. */
export type BuildMessage =
  | { readonly kind: 'event'; readonly event: BuildEvent }
  | { readonly kind: 'plan'; readonly plan: BuildPlan }
  /** It keeps what it made in this folder until it is told that it was taken. */
  | { readonly kind: 'built'; readonly manifest: ImageManifest; readonly folder: string }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'done' };
