import type { Model } from '@drover/contract';
import type { Architecture, Compression, RecipeDocument, RecipeUser } from './schema.js';

export type { RecipeUser };

type Base = NonNullable<RecipeDocument['base']>;

/** What an image begins with. */
export type RecipeBase =
  | {
      readonly kind: 'suite';
      readonly suite: string;
      readonly mirror: string | null;
      readonly components: readonly string[];
    }
  | { readonly kind: 'image'; readonly image: string }
  | { readonly kind: 'url'; readonly url: string; readonly sha256: string };

/** What one file of a chain adds, done in the order of these keys. Paths beside the recipe are below `folder`. */
export interface RecipeStep extends Pick<
  RecipeDocument,
  'packages' | 'removePackages' | 'files' | 'users' | 'services' | 'scripts' | 'ansible' | 'boot'
> {
  readonly name: string;
  readonly folder: string;
  readonly sources: NonNullable<RecipeDocument['sources']>;
}

/** A recipe with all it extends: where two files of a chain say something different, the later one is right. */
export interface Recipe {
  readonly name: string;
  readonly version: string | null;
  readonly description: string | null;
  readonly base: RecipeBase;
  /** Null: as the base has it. */
  readonly architecture: Architecture | null;
  /** Null: all its kernel can start. */
  readonly models: readonly Model[] | null;
  readonly hostname: string | null;
  readonly timezone: string | null;
  readonly locale: string | null;
  readonly kernel: { readonly package: string | null; readonly firmware: string | null };
  readonly recommends: boolean;
  readonly compression: Compression;
  readonly sizes: { readonly boot: number; readonly root: number | null; readonly spare: number };
  readonly allowed: readonly string[];
  /** The first recipe of the chain first. */
  readonly steps: readonly RecipeStep[];
}

const MiB = 1024 * 1024;

export const baseOf = (base: Base): RecipeBase => {
  if (base.suite !== undefined)
    return { kind: 'suite', suite: base.suite, mirror: base.mirror ?? null, components: base.components };
  if (base.image !== undefined) return { kind: 'image', image: base.image };
  return { kind: 'url', url: base.url ?? '', sha256: base.sha256 ?? '' };
};

/** One file of a chain, where it is. */
export interface ChainLink {
  readonly name: string;
  readonly folder: string;
  readonly recipe: RecipeDocument;
}

const stepOf = ({ name, folder, recipe }: ChainLink): RecipeStep => ({
  ...{ name, folder, sources: recipe.sources ?? [] },
  ...{ packages: recipe.packages, removePackages: recipe.removePackages, files: recipe.files, users: recipe.users },
  ...{ services: recipe.services, scripts: recipe.scripts, ansible: recipe.ansible, boot: recipe.boot },
});

/** Puts a chain together, its first recipe first; that one has a base. */
export const mergeChain = (chain: readonly ChainLink[], base: Base): Recipe => {
  const latest = <T>(pick: (recipe: RecipeDocument) => T | undefined): T | undefined =>
    chain.map(({ recipe }) => pick(recipe)).findLast((value) => value !== undefined);
  const [last] = chain.slice(-1);
  const from = baseOf(base);
  return {
    name: last?.name ?? '',
    // What is said of the one recipe, and not of those that extend it.
    version: last?.recipe.version ?? null,
    description: last?.recipe.description ?? null,
    base: from,
    architecture: latest((recipe) => recipe.architecture) ?? (from.kind === 'suite' ? 'arm64' : null),
    models: latest((recipe) => recipe.models) ?? null,
    hostname: latest((recipe) => recipe.hostname) ?? null,
    timezone: latest((recipe) => recipe.timezone) ?? null,
    locale: latest((recipe) => recipe.locale) ?? null,
    kernel: {
      package: latest((recipe) => recipe.kernel?.package) ?? null,
      firmware: latest((recipe) => recipe.kernel?.firmware) ?? null,
    },
    recommends: latest((recipe) => recipe.recommends) ?? false,
    compression: latest((recipe) => recipe.compression) ?? 'auto',
    sizes: {
      boot: latest((recipe) => recipe.sizes?.boot) ?? 512 * MiB,
      root: latest((recipe) => recipe.sizes?.root) ?? null,
      spare: latest((recipe) => recipe.sizes?.spare) ?? 256 * MiB,
    },
    allowed: [...new Set(chain.flatMap(({ recipe }) => recipe.lint.allow))],
    steps: chain.map(stepOf),
  };
};
