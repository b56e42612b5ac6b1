import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createToolRunner } from '@drover/tools';
import { readPartitionTable } from '@drover/disk-image';
import { openFileSource } from '../../packages/server/src/adapters/import/file-source.js';
import { createRootPacker } from '../../packages/server/src/adapters/tools/index.js';

const cli = fileURLToPath(new URL('../../packages/cli/bin/drover.js', import.meta.url));
const suite = 'bookworm';

interface Package {
  readonly locked: { readonly name: string; readonly version: string };
}
interface Lock {
  readonly steps: readonly object[];
  readonly installed: readonly Package[];
}

export interface Update {
  /** Packed roots, as the server packs them. */
  readonly old: string;
  readonly next: string;
  /** Packages that are newer in `next`. */
  readonly packages: readonly string[];
}

function writeRecipe(folder: string, name: string, recipe: object): string {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'recipe.yaml'), JSON.stringify(recipe));
  return join(folder, name);
}

function build(folder: string, recipe: string, more: readonly string[]): void {
  const args = [cli, 'build', recipe, '--cache-dir', join(folder, 'cache'), ...more];
  execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 2 ** 26 });
}

const readLock = (path: string): Lock => JSON.parse(readFileSync(path, 'utf8')) as Lock;
const nameOf = ({ locked }: Package): string => locked.name;

/** The server's way from an image to what boards download. */
async function pack(image: string, output: string): Promise<void> {
  const source = await openFileSource(image);
  const table = await readPartitionTable(source);
  await source.close();
  const root = table.partitions.find(({ number }) => number === 2);
  if (root === undefined) throw new Error(`${image} has no root`);
  const packer = createRootPacker({ tools: createToolRunner(), openSource: openFileSource });
  await packer.pack({ path: image, offset: root.offset, length: root.length }, output, {
    compression: 'zstd',
    signal: new AbortController().signal,
    progress: () => undefined,
  });
}

/** The lock of a dry run with the sources of this machine, updates and security among them. */
function newestLock(folder: string): Lock {
  const cache = join(folder, 'newest');
  build(cache, writeRecipe(folder, 'newest', { extends: 'base' }), ['--dry-run']);
  const apt = join(cache, 'cache/apt');
  const path = readdirSync(apt, { recursive: true, encoding: 'utf8' }).find((name) =>
    /\/locks\/[^/]+\.json$/.test(name),
  );
  if (path === undefined) throw new Error('the dry run has left no lock');
  return readLock(join(apt, path));
}

/**
 * Recipe `base` of a point release, and the same with all packages that Debian has updated since, installed over it as on a running system; but for the kernel.
 * Throws when there is nothing newer.
 */
export async function buildUpdate(folder: string, mirror: string): Promise<Update> {
  const at = (name: string): string => join(folder, name);
  build(folder, writeRecipe(folder, 'old', { extends: 'base', base: { suite, mirror } }), [
    '--output',
    at('out-old'),
    '--card',
  ]);
  const lock = readLock(at('out-old/packages.lock.json'));
  const before = new Map(lock.installed.map((each) => [nameOf(each), each.locked.version]));
  const newer = newestLock(folder).installed.filter(
    (each) =>
      before.has(nameOf(each)) &&
      before.get(nameOf(each)) !== each.locked.version &&
      !nameOf(each).startsWith('linux-'),
  );
  if (newer.length === 0) throw new Error('Debian has updated nothing since its last point release');
  const packages = newer.map(nameOf);
  const byName = new Map(newer.map((each) => [nameOf(each), each]));
  const step = { install: newer, remove: [], asked: packages };
  const installed = lock.installed.map((each) => byName.get(nameOf(each)) ?? each);
  writeFileSync(at('update.lock.json'), JSON.stringify({ ...lock, steps: [...lock.steps, step], installed }));
  // Over the recipe of the dry run, as what is newer comes from where that found it.
  const recipe = writeRecipe(folder, 'update', { extends: '../newest', packages });
  build(folder, recipe, ['--lock', at('update.lock.json'), '--output', at('out-new'), '--card']);
  await pack(at('out-old/disk.img'), at('old.sqsh'));
  await pack(at('out-new/disk.img'), at('new.sqsh'));
  return { old: at('old.sqsh'), next: at('new.sqsh'), packages };
}
