import { readdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { BuildStore } from './build-store.js';

/** How long what no build uses is kept, in milliseconds: people come back to a recipe after a holiday. */
export const keptUnusedMs = 30 * 24 * 3600 * 1000;

/** Milliseconds since the epoch; undefined for what is not there. */
const usedAt = (path: string): Promise<number | undefined> =>
  stat(path).then(
    ({ mtimeMs }) => mtimeMs,
    () => undefined,
  );

interface Kept {
  readonly path: string;
  /** Its time is that of the last use. */
  readonly mark: string;
}

/** Packages are not among it: a list of them makes an image again when no mirror has them any more. */
async function keptIn({ layers, bases, lists }: BuildStore): Promise<Kept[]> {
  const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);
  const kept = (folder: string, mark: string) => (name: string) => ({
    path: join(folder, name),
    mark: join(folder, name, mark),
  });
  return [
    ...(await namesIn(layers)).map(kept(layers, 'layer.json')),
    ...[...(await namesIn(bases)).map(kept(bases, '')), ...(await namesIn(lists)).map(kept(lists, ''))],
  ];
}

/**
 * Moves layers, images to begin with and lists of packages that no build has used since then (milliseconds since the epoch) to where the next build deletes
 * what is left. What another build takes up at that very moment comes back.
 */
export async function retireUnused(store: BuildStore, since: number): Promise<void> {
  for (const { path, mark } of await keptIn(store)) {
    const isUnused = async (where: string): Promise<boolean> => ((await usedAt(where)) ?? 0) < since;
    if (!(await isUnused(mark))) continue;
    const name = `${basename(dirname(path))}-${basename(path)}`;
    const aside = join(store.work, `unused-${name}-${process.pid}`);
    const isMoved = await rename(path, aside).then(
      () => true,
      () => false,
    );
    if (isMoved && !(await isUnused(mark.replace(path, aside)))) await rename(aside, path).catch(() => undefined);
  }
}
