import { createHash } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PrivateApt } from '@drover/debian';
import type { Recipe } from '../recipe/recipe.js';
import { lockText, parseLock } from './lock-file.js';
import { lockPackages, type PackageLock, type PresentPackage } from './lock.js';

interface Options {
  /** What a base image has. */
  readonly present: readonly PresentPackage[];
  /** Where locks are kept. */
  readonly kept: string;
  /** For files of this build. */
  readonly folder: string;
  readonly signal: AbortSignal;
}

/** Another number when what apt is asked for changes though the recipe does not. */
const format = 4;

/** What the choice depends on: all that is asked for, and all there is to choose from. */
const keyOf = (recipe: Recipe, lists: string, present: readonly PresentPackage[]): string => {
  const { kernel, architecture, recommends, steps } = recipe;
  const there = present.map(({ stanza }) => [...stanza]);
  const wishes = steps.map(({ packages, removePackages }) => [packages, removePackages]);
  return createHash('sha256')
    .update(JSON.stringify([format, lists, kernel, architecture, recommends, wishes, there]))
    .digest('hex');
};

/** What a power cut left of a list is none. */
const readable = (path: string, text: string): PackageLock | undefined => {
  try {
    return parseLock(path, text);
  } catch {
    return undefined;
  }
};

/** As {@link lockPackages}; what was chosen before from the same lists is not asked again, which takes apt some seconds. */
export async function keptLock(recipe: Recipe, apt: PrivateApt, { kept, ...options }: Options): Promise<PackageLock> {
  const path = join(kept, `${keyOf(recipe, await apt.listsDigest(), options.present)}.json`);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  const known = text === undefined ? undefined : readable(path, text);
  if (known !== undefined) return known;
  const lock = await lockPackages(recipe, apt, options);
  await mkdir(kept, { recursive: true });
  const arriving = join(options.folder, 'lock.json');
  await writeFile(arriving, lockText(lock));
  await rename(arriving, path);
  return lock;
}
