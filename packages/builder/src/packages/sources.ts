import { join } from 'node:path';
import { aptSourceLine, debianSources, type AptSource } from '@drover/debian';
import type { Recipe } from '../recipe/recipe.js';

/** Where the packages of a recipe come from. `ofImage`: what the image it begins with says. */
export async function sourcesOf(recipe: Recipe, ofImage: readonly AptSource[]): Promise<string[]> {
  const { base } = recipe;
  const own = recipe.steps.flatMap(({ sources, folder }) =>
    sources.map(({ uri, suite, components, key }) =>
      aptSourceLine({ uri, suite, components, signedBy: join(folder, key) }, ...components),
    ),
  );
  if (base.kind !== 'suite') return [...ofImage.map((source) => aptSourceLine(source, ...source.components)), ...own];
  if (base.mirror !== null) {
    const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
    return [
      aptSourceLine({ uri: base.mirror, suite: base.suite, components: [], signedBy: keyring }, ...base.components),
      ...own,
    ];
  }
  const machine = await debianSources();
  const here = machine.filter(({ suite }) => suite === base.suite || suite.startsWith(`${base.suite}-`));
  // Another suite is at the place of this machine's own: Debian's mirrors have all of them.
  const [first] = machine;
  const elsewhere = first === undefined ? [] : [{ ...first, suite: base.suite }];
  return [...(here.length > 0 ? here : elsewhere).map((source) => aptSourceLine(source, ...base.components)), ...own];
}
