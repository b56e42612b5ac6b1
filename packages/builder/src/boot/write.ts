import { copyFile, mkdir, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Ext4Volume } from '@drover/disk-image';
import type { RecipeStep } from '../recipe/recipe.js';
import type { BootCopy } from './plan.js';

export interface BootFolder {
  readonly folder: string;
  readonly copies: readonly BootCopy[];
  /** Texts and other files by their names. */
  readonly made: ReadonlyMap<string, string | Uint8Array>;
  /** Steps whose recipes bring files of their own. */
  readonly steps: readonly RecipeStep[];
  /** Seconds, for all of them. */
  readonly epoch: number;
}

/** Largest file we take from a root: kernels and device trees. */
const limit = 256 * 1024 * 1024;

/** Fills a folder with the files of a boot partition and returns their names. A later file takes the place of an earlier one of its name. */
export async function writeBootFolder(
  volume: Ext4Volume,
  { folder, copies, made, steps, epoch }: BootFolder,
): Promise<string[]> {
  const names = new Set<string>();
  const put = async (name: string, write: (path: string) => Promise<void>): Promise<void> => {
    const path = join(folder, name);
    await mkdir(dirname(path), { recursive: true });
    await write(path);
    await utimes(path, epoch, epoch);
    names.add(name);
  };
  for (const { from, to } of copies) await put(to, async (path) => writeFile(path, await volume.readFile(from, limit)));
  for (const [name, bytes] of made) await put(name, (path) => writeFile(path, bytes));
  for (const step of steps)
    for (const { path: name, source } of step.boot.files)
      await put(name, (path) => copyFile(join(step.folder, source), path));
  for (const name of names) {
    for (let above = dirname(name); above !== '.'; above = dirname(above))
      await utimes(join(folder, above), epoch, epoch);
  }
  return [...names].sort();
}
