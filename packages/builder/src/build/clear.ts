import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { ToolRunner } from '@drover/tools';
import { openSandbox } from '../machine/sandbox.js';
import { openBuildStore } from '../store/build-store.js';
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

/** Deletes what builds keep below a folder. Returns how many bytes that were. Refused while a build is at work there. */
export async function clearBuildCache(tools: ToolRunner, cacheDir: string, options: ClearOptions): Promise<number> {
  const store = await openBuildStore(cacheDir);
  if (await hasBuilds(store.work)) throw atWork(cacheDir);
  await retireUnused(store, options.since);
  const packages = options.packages ? await readdir(store.packages) : [];
  const gone = [...(await leftWorkFolders(store.work)), ...packages.map((name) => join(store.packages, name))];
  if (gone.length === 0) return 0;
  const listed = (): AsyncIterable<Uint8Array> => once(gone.map((path) => `${path}\0`).join(''));
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

async function* once(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}
