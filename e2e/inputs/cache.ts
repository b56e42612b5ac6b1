import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './lock.js';

/** Where built inputs are kept: `DROVER_LAB_CACHE`, or `/var/cache/drover-lab`. Outside the checkout, so that clones share it. */
export const cacheDir = process.env['DROVER_LAB_CACHE'] ?? '/var/cache/drover-lab';

/** Entries nobody asked for in this time are of an older recipe and are removed at the next build. */
const keepUnusedMs = 2 * 24 * 3_600_000;

export interface Recipe {
  /** `[a-z0-9-]+`; becomes the name of the entry. */
  readonly name: string;
  /** File names, beside this module, of the code that makes it. A changed byte makes another entry. */
  readonly code: readonly string[];
  /** Whatever else the result depends on: package versions, digests of other inputs. */
  readonly needs: readonly string[];
  /** Fills `dir`, an empty folder on the cache's own file system. */
  readonly build: (dir: string) => Promise<void>;
}

async function digestOf(recipe: Recipe): Promise<string> {
  const hash = createHash('sha256');
  const here = path.dirname(fileURLToPath(import.meta.url));
  for (const file of [...recipe.code].sort()) {
    hash.update(`${file}\0`);
    hash.update(await readFile(path.join(here, file)));
  }
  for (const need of [...recipe.needs].sort()) hash.update(`\0${need}`);
  return hash.digest('hex').slice(0, 16);
}

async function touch(entry: string): Promise<void> {
  const now = new Date();
  await utimes(entry, now, now);
}

/** Removes what killed builds left, and entries of older recipes. Call only while holding the cache's lock. */
async function sweep(): Promise<void> {
  for (const name of await readdir(cacheDir)) {
    const entry = path.join(cacheDir, name);
    if (name.startsWith('building-')) await rm(entry, { recursive: true, force: true });
    if (!/^entry-/.test(name)) continue;
    const { mtimeMs } = await stat(entry);
    if (Date.now() - mtimeMs > keepUnusedMs) await rm(entry, { recursive: true, force: true });
  }
}

/**
 * The folder with the recipe's result: the one in the cache, or built now. Builders of all processes take turns, a
 * result appears whole or not at all, and a killed build leaves nothing that counts.
 */
export async function cached(recipe: Recipe): Promise<string> {
  const entry = path.join(cacheDir, `entry-${recipe.name}-${await digestOf(recipe)}`);
  if (existsSync(entry)) {
    await touch(entry);
    return entry;
  }
  await mkdir(cacheDir, { recursive: true });
  await withLock(path.join(cacheDir, 'build.lock'), async () => {
    if (existsSync(entry)) return;
    await sweep();
    const building = await mkdtemp(path.join(cacheDir, `building-${recipe.name}-`));
    try {
      const started = Date.now();
      await recipe.build(building);
      await chmod(building, 0o755);
      await rename(building, entry);
      console.error(`built ${recipe.name} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    } finally {
      await rm(building, { recursive: true, force: true });
    }
  });
  return entry;
}
