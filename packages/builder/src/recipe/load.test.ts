import { describe, expect, it } from 'vitest';
import { memoryReader } from '../../test/support/memory-reader.js';
import { loadRecipe, RecipeError } from './load.js';
import type { Recipe } from './recipe.js';

const load = (files: Record<string, string>, reference = 'mine', from = '/ada'): Promise<Recipe> =>
  loadRecipe(reference, from, { reader: memoryReader(files), shipped: '/shipped' });
const refusal = (files: Record<string, string>, reference?: string): Promise<string> =>
  load(files, reference).then(
    () => 'it was accepted',
    (error: unknown) => (error instanceof RecipeError ? error.message : Promise.reject(error as Error)),
  );

describe('a recipe', () => {
  it('of one line is a Debian for 64-bit boards', async () => {
    expect(await load({ '/ada/mine/recipe.yaml': 'base: { suite: bookworm }\n' })).toMatchObject({
      name: 'mine',
      base: { kind: 'suite', suite: 'bookworm', mirror: null, components: ['main', 'contrib', 'non-free-firmware'] },
      ...{ architecture: 'arm64', models: null, compression: 'auto', recommends: false, version: null },
      sizes: { boot: 512 * 2 ** 20, root: null, spare: 256 * 2 ** 20 },
      steps: [{ name: 'mine', folder: '/ada/mine', packages: [], files: [] }],
    });
  });

  it('is found by its folder, its file, from the root, and by the name of one that comes with Drover', async () => {
    const text = 'base: { image: "os:1" }\n';
    const files = { '/ada/mine/recipe.yaml': text, '/ada/other.yaml': text, '/shipped/k3s-agent/recipe.yaml': text };
    const names = ['mine', './mine', '/ada/mine', 'mine/recipe.yaml', 'other.yaml', 'k3s-agent'];
    const found = await Promise.all(names.map((name) => load(files, name)));
    expect(found.map(({ name }) => name)).toEqual(['mine', 'mine', 'mine', 'mine', 'other', 'k3s-agent']);
  });

  it('is the one that is there before one of that name that comes with Drover', async () => {
    const files = { '/ada/base/recipe.yaml': 'base: { suite: trixie }\n', '/shipped/base/recipe.yaml': 'base: {}\n' };
    expect(await load(files, 'base')).toMatchObject({ base: { suite: 'trixie' } });
  });

  it('says all that is wrong with it at once', async () => {
    const said = await refusal({
      '/ada/mine/recipe.yaml': 'base: {}\nusers: [{ name: a }, { name: a }]\nscripts: [{ file: absent.sh }]\n',
    });
    expect(said.split('\n').map((line) => line.split(' ')[1])).toEqual(['base', 'users.1.name', 'scripts.0.file']);
  });

  it('cannot be called what no image can be called', async () => {
    const said = await refusal({ '/ada/My Recipe/recipe.yaml': 'base: { suite: bookworm }\n' }, 'My Recipe');
    expect(said).toMatch(/would make an image called My Recipe.*Give the folder/);
  });

  it('that is not there is said with where it was looked for', async () => {
    expect(await refusal({}, 'absent')).toMatch(/absent.*\/ada\/absent and \/shipped\/absent/);
    expect(await refusal({}, '/etc/passwd')).toMatch(/looked at \/etc\/passwd\. /);
  });
});

describe('a chain of recipes', () => {
  const parent = `
base: { suite: bookworm }
version: '7'
description: the parent
timezone: Europe/Berlin
locale: de_DE.UTF-8
packages: [nano]
users: [{ name: pi }]
sizes: { boot: 128MiB }
lint: { allow: [host-keys] }
`;
  const child = `
extends: ../parent
hostname: kid
timezone: Etc/UTC
sizes: { root: 2GiB }
packages: [vim]
files: [{ path: /etc/motd, source: motd }]
lint: { allow: [host-keys, machine-id] }
`;
  const files = {
    '/ada/parent/recipe.yaml': parent,
    '/ada/child/recipe.yaml': child,
    '/ada/child/motd': 'hello',
  };

  it('does what the first says, then what the next says, and of two words the later is right', async () => {
    const recipe = await load(files, 'child');
    expect(recipe).toMatchObject({
      ...{ name: 'child', hostname: 'kid', timezone: 'Etc/UTC', locale: 'de_DE.UTF-8' },
      base: { suite: 'bookworm' },
      sizes: { boot: 128 * 2 ** 20, root: 2 * 2 ** 30 },
      allowed: ['host-keys', 'machine-id'],
    });
    expect(recipe.steps).toMatchObject([
      { name: 'parent', folder: '/ada/parent', packages: ['nano'], users: [{ name: 'pi' }], files: [] },
      { name: 'child', folder: '/ada/child', packages: ['vim'], users: [], files: [{ source: 'motd' }] },
    ]);
  });

  it('takes neither version nor description of the recipe it goes on from', async () => {
    expect(await load(files, 'child')).toMatchObject({ version: null, description: null });
    expect(await load(files, 'parent')).toMatchObject({ version: '7', description: 'the parent' });
  });

  it('may take another suite than the recipe it goes on from', async () => {
    const other = { ...files, '/ada/child/recipe.yaml': `base: { suite: trixie }\n${child}` };
    expect((await load(other, 'child')).base).toMatchObject({ kind: 'suite', suite: 'trixie' });
    const last = { ...other, '/ada/last/recipe.yaml': 'extends: ../child\n' };
    expect((await load(last, 'last')).base).toMatchObject({ kind: 'suite', suite: 'trixie' });
    const onImage = { ...other, '/ada/parent/recipe.yaml': 'base: { image: "os:1" }\n' };
    expect(await refusal(onImage, 'child')).toBe(
      '/ada/child/recipe.yaml:1: base.suite stands in a recipe that goes on from parent, which begins with an image. Leave it out.',
    );
  });

  it('names the file that has something wrong, and the way that led there', async () => {
    const broken = { ...files, '/ada/parent/recipe.yaml': 'base: { suit: bookworm }\n' };
    expect(await refusal(broken, 'child')).toMatch(/^\/ada\/parent\/recipe\.yaml:1: base\.suit is not a key/);
    const circle = { ...files, '/ada/parent/recipe.yaml': 'extends: ../child\n' };
    expect(await refusal(circle, 'child')).toBe(
      '/ada/parent/recipe.yaml:1: extends goes in a circle. The chain is child > parent > child: let it end in a recipe with a base.',
    );
  });

  it('ends somewhere', async () => {
    const long = Object.fromEntries(
      Array.from({ length: 30 }, (_, i) => [`/ada/r${i}/recipe.yaml`, `extends: ../r${i + 1}\n`]),
    );
    expect(await refusal(long, 'r0')).toMatch(/extends is the 17th recipe of a chain, which has 16 at most/);
  });
});
