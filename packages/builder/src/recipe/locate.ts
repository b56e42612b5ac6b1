import { basename, dirname, join } from 'node:path';
import { Name } from '@drover/contract';
import type { Problem } from '@drover/documents';

/** The files recipes are made of. */
export interface RecipeReader {
  /** What is at a path, links followed; undefined: nothing, or neither of them. */
  kind(path: string): Promise<'file' | 'folder' | undefined>;
  read(path: string): Promise<string>;
}

export interface RecipePlaces {
  readonly reader: RecipeReader;
  /** The folder of the recipes that come with Drover, which are called by their names. */
  readonly shipped: string;
}

/** Where a recipe was found. */
export interface Located {
  readonly name: string;
  readonly file: string;
  /** What its relative paths are below. */
  readonly folder: string;
}

export type LocateResult =
  | { readonly ok: true; readonly located: Located }
  | { readonly ok: false; readonly problem: Omit<Problem, 'origin' | 'key'> };

const refused = (message: string, remedy: string): LocateResult => ({ ok: false, problem: { message, remedy } });

const fileName = 'recipe.yaml';

/**
 * Finds a recipe by its folder or file, seen from a folder, or by the name of one that comes with Drover. A folder that is there is meant before such a name.
 */
export const locateRecipe = async (
  reference: string,
  from: string,
  { reader, shipped }: RecipePlaces,
): Promise<LocateResult> => {
  const isName = Name.safeParse(reference).success;
  const candidates = [join(from, reference), ...(isName ? [join(shipped, reference)] : [])];
  // An absolute path is where it says, wherever it is seen from.
  const paths = reference.startsWith('/') ? [reference] : candidates;
  for (const path of paths) {
    const kind = await reader.kind(path);
    if (kind === undefined) continue;
    const file = kind === 'folder' ? join(path, fileName) : path;
    if (kind === 'folder' && (await reader.kind(file)) !== 'file') continue;
    return named(file);
  }
  const places = paths.join(' and ');
  return refused(
    `is ${reference}, which is no recipe: looked at ${places}`,
    `Name a folder with a ${fileName}, or such a file.`,
  );
};

const named = (file: string): LocateResult => {
  const folder = dirname(file);
  const name = basename(file) === fileName ? basename(folder) : basename(file).replace(/\.ya?ml$/, '');
  if (Name.safeParse(name).success) return { ok: true, located: { name, file, folder } };
  return refused(
    `would make an image called ${name}, which is not a name of lower-case letters, digits and hyphens`,
    'Give the folder of the recipe such a name.',
  );
};
