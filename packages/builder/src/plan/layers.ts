import { createHash } from 'node:crypto';
import type { LockedPackage } from '@drover/debian';
import type { RecipeStep, RecipeUser } from '../recipe/recipe.js';

/** A file as it comes into an image: by what is in it, not by where it was. */
export type PlacedFile = { readonly path: string; readonly owner: string; readonly group: string } & (
  | { readonly kind: 'file'; readonly sha256: string; readonly mode: string }
  | { readonly kind: 'folder'; readonly mode: string }
  | { readonly kind: 'link'; readonly target: string }
);

/** What one layer of a build adds to those below. */
export type LayerWork =
  /** Debian's minimal system, which everything else lies on. */
  | {
      readonly kind: 'system';
      readonly suite: string;
      readonly architecture: string;
      readonly packages: readonly LockedPackage[];
    }
  /** Root and boot partition of an image; `epoch`: seconds, its newest time. */
  | { readonly kind: 'image'; readonly sha256: string; readonly epoch: number }
  | { readonly kind: 'packages'; readonly install: readonly LockedPackage[]; readonly remove: readonly string[] }
  | {
      readonly kind: 'settings';
      readonly hostname: string | null;
      readonly timezone: string | null;
      readonly locale: string | null;
    }
  | { readonly kind: 'files'; readonly files: readonly PlacedFile[] }
  | { readonly kind: 'users'; readonly users: readonly RecipeUser[] }
  | { readonly kind: 'services'; readonly services: RecipeStep['services'] }
  /** By what is in it; its folder too, as it may read what lies beside it. */
  | { readonly kind: 'script'; readonly sha256: string; readonly folder: string }
  | {
      readonly kind: 'playbook';
      readonly sha256: string;
      readonly folder: string;
      readonly variables: Readonly<Record<string, unknown>>;
    };

export interface Layer {
  /** Of all that is in it and below it: two layers with one key are the same. */
  readonly key: string;
  /** Seconds: what is made while it is built gets this time (SOURCE_DATE_EPOCH). Never earlier than those below. */
  readonly epoch: number;
  readonly work: LayerWork;
}

/** Another number when what a layer holds changes though its work does not. */
const format = 1;

/** JSON whose keys are in one order. */
const canonical = (value: unknown): string =>
  JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  );

export const digestOf = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex');

/** Puts work over work. `timeOf`: when a package was built, in seconds. */
export const planLayers = (works: readonly LayerWork[], timeOf: (sha256: string) => number): Layer[] => {
  const layers: Layer[] = [];
  for (const work of works) {
    const below = layers.at(-1);
    const added = work.kind === 'system' ? work.packages : work.kind === 'packages' ? work.install : [];
    const epoch = Math.max(
      below?.epoch ?? (work.kind === 'image' ? work.epoch : 0),
      ...added.map(({ sha256 }) => timeOf(sha256)),
    );
    layers.push({ key: digestOf({ format, below: below?.key ?? null, epoch, work }), epoch, work });
  }
  return layers;
};
