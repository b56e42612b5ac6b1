import { describeKeys, issueProblems, parseYamlFile, type Problem } from '@drover/documents';
import { RecipeSchema, type RecipeDocument } from './schema.js';

/** Every key a recipe may have. */
export const recipeKeys = describeKeys(RecipeSchema, { lists: true });

const purpose = {
  holds: 'recipe',
  page: 'docs/how-to/recipes.md',
  otherwise: 'Name the folder of a recipe, or its file.',
};

/** One file of a chain of recipes. */
export interface LoadedDocument {
  /** As it is shown in errors. */
  readonly path: string;
  readonly text: string;
  readonly recipe: RecipeDocument;
  /** `recipe.yaml:3` */
  readonly originOf: (path: readonly PropertyKey[]) => string;
}

export type DocumentResult =
  { readonly ok: true; readonly document: LoadedDocument } | { readonly ok: false; readonly problems: Problem[] };

/** A recipe's text as a document, or all that is wrong with its form. */
export const parseRecipe = (path: string, text: string): DocumentResult => {
  const parsed = parseYamlFile(path, text, purpose);
  if (!parsed.ok) return parsed;
  const originOf = (keys: readonly PropertyKey[]): string => `${path}:${parsed.file.lineOf(keys)}`;
  const checked = RecipeSchema.safeParse(parsed.file.values);
  if (checked.success) return { ok: true, document: { path, text, recipe: checked.data, originOf } };
  const options = { keys: recipeKeys, noun: 'a key of recipes', originOf };
  return { ok: false, problems: checked.error.issues.flatMap((issue) => issueProblems(issue, options)) };
};
