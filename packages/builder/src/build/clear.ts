import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { ToolRunner } from '@drover/tools';
import { openSandbox } from '../machine/sandbox.js';
import { textInput } from '../machine/text-input.js';
import { openBuildStore, storeFolders } from '../store/build-store.js';
import { retireUnused } from '../store/unused.js';
import { hasBuilds, leftWorkFolders } from '../store/work-folders.js';

export interface ClearOptions {
  /** What was used since stays: milliseconds since the epoch. */
  readonly since: number;
  /** Packages too, without which a list of packages makes an image again only as long as a mirror has them. */
  readonly packages: boolean;
  readonly signal: AbortSignal;
}

const atWork = (cacheDir: string): RefusedError =>
  new RefusedError(
    refusal('build.unfinished', `A build is at work with ${cacheDir}.`, { remedy: 'Wait for its end, or cancel it.' }),
  );

const noCache = (cacheDir: string): RefusedError =>
  new RefusedError(
    refusal('request.invalid', `${cacheDir} is no cache of builds.`, {
      remedy: 'Name the folder that a build was given by --cache-dir, or none.',
    }),
  );

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/** What somebody else keeps in a folder of one of our names is not ours to delete. */
async function expectCache(cacheDir: string): Promise<void> {
  for (const name of storeFolders) if (!(await isFolder(join(cacheDir, name)))) throw noCache(cacheDir);
}

/** Deletes what builds keep below a folder. Returns how many bytes that were. Refused while a build is at work there, and for a folder that is no cache. */
export async function clearBuildCache(tools: ToolRunner, cacheDir: string, options: ClearOptions): Promise<number> {
  if (!(await isFolder(cacheDir))) return 0;
  await expectCache(cacheDir);
  const store = await openBuildStore(cacheDir);
  if (await hasBuilds(store.work)) throw atWork(cacheDir);
  await retireUnused(store, options.since);
  if (options.packages) {
    // All at once: a build that begins now finds either all or none.
    await rename(store.packages, join(store.work, `unused-packages-${process.pid}`));
    await mkdir(store.packages);
  }
  const gone = await leftWorkFolders(store.work);
  if (gone.length === 0) return 0;
  const listed = (): AsyncIterable<Uint8Array> => textInput(gone.map((path) => `${path}\0`).join(''));
  // Files of a layer may belong to others than us; within, they are ours.
  const sandbox = await openSandbox(tools, options.signal);
  try {
    const { stdout } = await sandbox.run('du', ['-scB1', '--files0-from=-'], { input: listed() });
    await sandbox.run('xargs', ['-0r', 'rm', '-rf', '--'], { input: listed() });
    // The last line is the sum.
    return Number.parseInt(stdout.trim().split('\n').at(-1) ?? '0', 10);
  } finally {
    await sandbox.close();
  }
}
