import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { memoryReader } from '../../test/support/memory-reader.js';
import { installation } from '../installation.js';
import { localRecipes } from '../local-builder.js';
import { parseRecipe } from './document.js';
import { loadRecipe, RecipeError } from './load.js';

const folder = join(installation, 'docs/how-to');
const pages = readdirSync(folder).sort();

/** A file that a page tells to write: a block whose first line, or the one behind `#!`, is a comment that names it, as `# door/recipe.yaml`. */
const nameOf = (block: string): string | undefined =>
  /^(?:#!.*\n)?(?:#|<!--) ([a-z0-9-]+\/[\w./-]+)(?: -->)?\n/.exec(block)?.[1];

const blocksOf = (page: string, language = '[a-z]*'): string[] =>
  [...page.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([\\s\\S]*?)^ *\`\`\`$`, 'gm'))].map(
    ([, indent = '', text = '']) => text.replaceAll(new RegExp(`^${indent}`, 'gm'), ''),
  );

const filesOf = (page: string): Record<string, string> =>
  Object.fromEntries(
    blocksOf(page).flatMap((block) => {
      const name = nameOf(block);
      return name === undefined ? [] : [[`/page/${name}`, block]];
    }),
  );

/** A part of a recipe: what says something that only recipes say. */
const isPart = (block: string): boolean =>
  nameOf(block) === undefined &&
  !block.startsWith('#cloud-config') &&
  /^(extends|packages|files|services|scripts|ansible|lint|sizes):/m.test(block);

/** Each of a page, by the name under which a failure is found again, with what is wrong with it. */
async function recipesOf(page: string): Promise<Record<string, readonly string[]>> {
  const files = filesOf(page);
  const shown = memoryReader(files);
  const reader = {
    kind: async (path: string) => (await shown.kind(path)) ?? localRecipes.reader.kind(path),
    read: (path: string) => (path in files ? shown : localRecipes.reader).read(path),
  };
  const found: Record<string, readonly string[]> = {};
  for (const file of Object.keys(files).filter((name) => name.endsWith('/recipe.yaml'))) {
    found[file] = await loadRecipe(file, '/page', { ...localRecipes, reader }).then(
      () => [],
      (error: unknown) => {
        if (error instanceof RecipeError) return error.problems.map(({ key, message }) => `${key} ${message}`);
        throw error;
      },
    );
  }
  for (const block of blocksOf(page, 'ya?ml').filter(isPart)) {
    const parsed = parseRecipe('part', block);
    found[block] = parsed.ok ? [] : parsed.problems.map(({ key, message }) => `${key} ${message}`);
  }
  return found;
}

/** What a page need not show: the key of a source, and what is beside the one recipe in the list of keys. */
const isElsewhere = (page: string, problem: string): boolean =>
  /^sources\.\d+\.key is .*, which is not there$/.test(problem) ||
  (page === 'recipes.md' && /^files\.\d+\.source is .*, which is not there$/.test(problem));

it.each(pages)('recipes in %s can be used', async (name) => {
  const recipes = await recipesOf(readFileSync(join(folder, name), 'utf8'));
  const faults = Object.entries(recipes).map(([recipe, problems]) => [
    recipe,
    problems.filter((problem) => !isElsewhere(name, problem)),
  ]);
  expect(faults).toEqual(Object.keys(recipes).map((recipe) => [recipe, []]));
});

describe('this check', () => {
  const page = (...lines: string[]): string => ['```yaml', ...lines, '```', ''].join('\n');

  it('finds whole recipes and parts of them', async () => {
    const names = ['docker.md', 'k3s.md', 'own-recipe.md', 'recipes.md', 'update-a-fleet.md'];
    const found = await Promise.all(names.map((name) => recipesOf(readFileSync(join(folder, name), 'utf8'))));
    expect(found.map((recipes) => Object.keys(recipes).length > 0)).toEqual(names.map(() => true));
  });

  it('refuses a wrong key, a file that is not shown, and a wrong part', async () => {
    const recipe = page('# door/recipe.yaml', 'extends: base', 'packges: []', 'files: [{ path: /a, source: b }]');
    expect(Object.values(await recipesOf(recipe))).toEqual([[expect.stringContaining('packges')]]);
    const absent = page('# door/recipe.yaml', 'extends: base', 'files: [{ path: /a, source: b }]');
    expect(Object.values(await recipesOf(absent))).toEqual([['files.0.source is b, which is not there']]);
    expect(Object.values(await recipesOf(page('files: [{ pth: /a }]')))).toEqual([
      expect.arrayContaining([expect.stringContaining('pth')]),
    ]);
  });

  it('leaves settings of the server alone', async () => {
    expect(await recipesOf(page('boot:', '  http:', '    downloadRate: 6MiB'))).toEqual({});
  });
});
