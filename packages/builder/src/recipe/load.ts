import { join } from 'node:path';
import { DocumentError, type Problem } from '@drover/documents';
import { checkRecipe } from './checks.js';
import { parseRecipe, type LoadedDocument } from './document.js';
import { locateRecipe, type Located, type RecipePlaces } from './locate.js';
import { mergeChain, type ChainLink, type Recipe } from './recipe.js';

/** A recipe cannot be used. */
export class RecipeError extends DocumentError {
  constructor(problems: readonly Problem[]) {
    super('RecipeError', problems);
  }
}

/** No one has a reason for more, and a chain that is made by mistake ends somewhere. */
const longestChain = 16;

interface Link extends Located {
  readonly document: LoadedDocument;
}

/** Reads a recipe and all it extends. Throws {@link RecipeError} with all that is wrong with the first file that has something wrong. */
export const loadRecipe = async (reference: string, from: string, places: RecipePlaces): Promise<Recipe> => {
  const chain: Link[] = [];
  let next: { reference: string; from: string; origin: string; key: string } | undefined;
  next = { reference, from, origin: reference, key: '' };
  while (next !== undefined) {
    const link = await readLink(next, chain, places);
    chain.unshift(link);
    const { extends: above } = link.document.recipe;
    next =
      above === undefined
        ? undefined
        : { reference: above, from: link.folder, origin: link.document.originOf(['extends']), key: 'extends' };
  }
  return merged(chain);
};

const readLink = async (
  { reference, from, origin, key }: { reference: string; from: string; origin: string; key: string },
  chain: readonly Link[],
  places: RecipePlaces,
): Promise<Link> => {
  const found = await locateRecipe(reference, from, places);
  if (!found.ok) throw new RecipeError([{ key, origin, ...found.problem }]);
  const { located } = found;
  const refuse = (message: string): never => {
    const way = [...chain].reverse().map(({ name }) => name);
    const remedy = `The chain is ${[...way, located.name].join(' > ')}: let it end in a recipe with a base.`;
    throw new RecipeError([{ key, origin, message, remedy }]);
  };
  if (chain.some(({ file }) => file === located.file)) refuse('goes in a circle');
  if (chain.length >= longestChain)
    refuse(`is the ${longestChain + 1}th recipe of a chain, which has ${longestChain} at most`);
  const parsed = parseRecipe(located.file, await places.reader.read(located.file));
  if (!parsed.ok) throw new RecipeError(parsed.problems);
  const link = { ...located, document: parsed.document };
  const problems = [...checkRecipe(parsed.document), ...(await absentFiles(link, places))];
  if (problems.length > 0) throw new RecipeError(problems);
  return link;
};

/** Files beside the recipe that are named and not there. */
const absentFiles = async ({ folder, document }: Link, { reader }: RecipePlaces): Promise<Problem[]> => {
  const { recipe } = document;
  const named: [path: readonly PropertyKey[], file: string | undefined, folders: boolean][] = [
    ...recipe.files.map(
      ({ source }, i) => [['files', i, 'source'], source, true] as [PropertyKey[], string | undefined, boolean],
    ),
    ...recipe.scripts.map(
      ({ file }, i) => [['scripts', i, 'file'], file, false] as [PropertyKey[], string | undefined, boolean],
    ),
    ...(recipe.sources ?? []).map(
      ({ key }, i) => [['sources', i, 'key'], key, false] as [PropertyKey[], string, boolean],
    ),
    ...recipe.boot.files.map(
      ({ source }, i) => [['boot', 'files', i, 'source'], source, false] as [PropertyKey[], string, boolean],
    ),
    [['ansible', 'playbook'], recipe.ansible?.playbook, false],
  ];
  const problems: Problem[] = [];
  for (const [path, file, folders] of named) {
    if (file === undefined) continue;
    const kind = await reader.kind(join(folder, file));
    if (kind === 'file' || (kind === 'folder' && folders)) continue;
    problems.push({
      key: path.map(String).join('.'),
      origin: document.originOf(path),
      message: kind === 'folder' ? `is ${file}, a folder` : `is ${file}, which is not there`,
      remedy: `Put the file at ${join(folder, file)}, or name another.`,
    });
  }
  return problems;
};

const merged = (links: readonly Link[]): Recipe => {
  const chain: ChainLink[] = links.map(({ name, folder, document }) => ({ name, folder, recipe: document.recipe }));
  const [first] = links;
  const base = chain[0]?.recipe.base;
  if (first === undefined || base === undefined) throw new Error('a chain of recipes without a base was let through');
  const later = links.slice(1).findLast(({ document }) => document.recipe.base !== undefined);
  if (later !== undefined && base.suite === undefined) throw new RecipeError([otherBase(later, first)]);
  return mergeChain(chain, later?.document.recipe.base ?? base);
};

/** Another suite, where what is extended does not begin with one. */
const otherBase = ({ document }: Link, first: Link): Problem => ({
  key: 'base.suite',
  origin: document.originOf(['base', 'suite']),
  message: `stands in a recipe that goes on from ${first.name}, which begins with an image`,
  remedy: 'Leave it out.',
});
