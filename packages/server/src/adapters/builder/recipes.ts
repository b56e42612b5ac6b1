import { dirname, join, sep } from 'node:path';
import { loadRecipe, localRecipes, RecipeError, type Recipe, type RecipePlaces } from '@drover/builder';
import { refusal, RefusedError } from '@drover/contract';

/** Recipes with other places for their files than those that whoever asks may know. */
interface Place {
  readonly reference: string;
  readonly from: string;
  readonly places: RecipePlaces;
}

/** Below the folder, or the folder itself. */
const isWithin = (path: string, folder: string): boolean => path === folder || path.startsWith(folder + sep);

/** Sees nothing outside of some folders. `join` has resolved all `..` before. */
const confined = (folders: readonly string[]): RecipePlaces => {
  const { reader, shipped } = localRecipes;
  const isSeen = (path: string): boolean => folders.some((folder) => isWithin(join(path), folder));
  return {
    shipped,
    reader: {
      kind: async (path) => (isSeen(path) ? reader.kind(path) : undefined),
      read: (path) => (isSeen(path) ? reader.read(path) : Promise.reject(new Error(`${path} is not to be read`))),
    },
  };
};

/** A text with paths as they are seen from a folder: those above it begin with `..`. */
function seenFrom(folder: string, text: string): string {
  let seen = text;
  let way = '';
  for (let above = folder; above !== dirname(above); above = dirname(above)) {
    seen = seen.replaceAll(above + sep, way);
    way += '../';
  }
  return seen;
}

/** Where files are on this machine is nobody's business. */
const refused = (error: RecipeError, { from, places }: Place): RefusedError => {
  const detail = seenFrom(from, error.message.replaceAll(places.shipped + sep, 'shipped:'));
  return new RefusedError(
    refusal('recipe.invalid', detail, { remedy: 'Mend the recipe; `drover build RECIPE --check` tells the same.' }),
  );
};

async function load(place: Place): Promise<Recipe> {
  try {
    return await loadRecipe(place.reference, place.from, place.places);
  } catch (error) {
    if (error instanceof RecipeError) throw refused(error, place);
    throw error;
  }
}

const notFound = (name: string, remedy: string): RefusedError =>
  new RefusedError(refusal('recipe.not-found', `There is no recipe ${name} on the server.`, { remedy }));

const isRecipe = async (folder: string): Promise<boolean> =>
  (await localRecipes.reader.kind(join(folder, 'recipe.yaml'))) === 'file';

/** One that comes with Drover. */
export async function loadShipped(name: string): Promise<Recipe> {
  const { shipped } = localRecipes;
  if (!(await isRecipe(join(shipped, name))))
    throw notFound(name, 'Name one that comes with Drover, such as base, or hand over your own.');
  return load({ reference: name, from: shipped, places: localRecipes });
}

/** One of the folder that the settings name; it may extend whatever its author wants. */
export async function loadFromFolder(name: string, folder: string | undefined): Promise<Recipe> {
  if (folder === undefined) throw notFound(name, 'Set builds.recipes to the folder that holds recipes.');
  if (!(await isRecipe(join(folder, name))))
    throw notFound(name, 'Put a folder of that name with a recipe.yaml where the setting builds.recipes says.');
  return load({ reference: name, from: folder, places: localRecipes });
}

/** Apt reads files of this machine at such addresses. */
const localSource = /^(file|copy):/;

/** One that came over the wire: it sees what came with it and what comes with Drover. */
export async function loadUploaded(path: string, folder: string): Promise<Recipe> {
  const places = confined([folder, localRecipes.shipped]);
  const recipe = await load({ reference: path, from: folder, places });
  const mirrors = recipe.base.kind === 'suite' ? [recipe.base.mirror ?? ''] : [];
  const sources = recipe.steps.flatMap(({ sources: some }) => some.map(({ uri }) => uri));
  const local = [...mirrors, ...sources].find((address) => localSource.test(address));
  if (local === undefined) return recipe;
  throw new RefusedError(
    refusal('recipe.invalid', `The recipe takes packages from ${local}, which would be files of the server.`, {
      remedy:
        'Name a mirror by http:// or https://, or have the recipe put into the folder of the setting builds.recipes.',
    }),
  );
}
