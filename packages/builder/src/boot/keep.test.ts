import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepBootFolder } from './keep.js';

let folder: string;
let recipe: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-keep-'));
  recipe = join(folder, 'recipe');
  await mkdir(join(folder, 'boot/overlays'), { recursive: true });
  await mkdir(recipe);
});
afterEach(() => rm(folder, { recursive: true }));

const boot = (name: string): string => join(folder, 'boot', name);
const keep = (step: { config?: string[]; parameters?: string; files?: { path: string; source: string }[] }) => {
  const { config = [], parameters = '', files = [] } = step;
  return keepBootFolder(join(folder, 'boot'), {
    steps: [{ folder: recipe, boot: { config, parameters, files } }],
    epoch: 1_700_000_000,
  });
};

it('what a recipe says comes at the end, for all boards, and the rest stays as it was', async () => {
  // A byte that is no UTF-8 stays that byte.
  await writeFile(boot('config.txt'), Buffer.from('# caf\xe9\n[pi4]\narm_boost=1', 'latin1'));
  await writeFile(boot('cmdline.txt'), 'console=tty1 root=PARTUUID=abcd1234-02 rootwait  \nnot read\n');
  await keep({ config: ['dtparam=audio=off'], parameters: 'quiet panic=10' });
  const config = await readFile(boot('config.txt'));
  expect(config.toString('latin1')).toBe('# caf\xe9\n[pi4]\narm_boost=1\n[all]\ndtparam=audio=off\n');
  expect(await readFile(boot('cmdline.txt'), 'utf8')).toBe(
    'console=tty1 root=PARTUUID=abcd1234-02 rootwait quiet panic=10\n',
  );
});

it('without lines and parameters both are untouched, and stay away where they are not', async () => {
  await writeFile(boot('cmdline.txt'), 'a \nb');
  expect(await keep({})).toEqual(['cmdline.txt']);
  expect(await readFile(boot('cmdline.txt'), 'utf8')).toBe('a \nb');
});

it('files of a recipe take the place of those of the image, and all have one time', async () => {
  await writeFile(boot('overlays/one.dtbo'), 'old');
  await writeFile(join(recipe, 'mine'), 'new');
  const paths = await keep({
    files: [
      { path: 'overlays/one.dtbo', source: 'mine' },
      { path: 'deep/er/two', source: 'mine' },
    ],
  });
  expect(paths).toEqual(['deep/er/two', 'overlays/one.dtbo']);
  expect(await readFile(boot('overlays/one.dtbo'), 'utf8')).toBe('new');
  for (const path of [...paths, 'overlays', 'deep', 'deep/er'])
    expect((await stat(boot(path))).mtimeMs).toBe(1_700_000_000_000);
});
