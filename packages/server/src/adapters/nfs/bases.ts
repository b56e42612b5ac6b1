import { mkdir, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { CloneMethod } from '@drover/contract';
import type { Tools } from '@drover/tools';
import type { DirectoryOrigin, DirectoryProgress } from '../../app/nfs/ports.js';
import { deleteTree, makeBase } from './clone.js';

/** Unpacks a partition of a local disk image into an empty folder. */
export type UnpackTree = (
  source: { readonly path: string; readonly partition: number },
  folder: string,
  options: DirectoryProgress,
) => Promise<void>;

type Origin = Pick<Extract<DirectoryOrigin, { kind: 'image' }>, 'digest' | 'partition'>;

/** The files of images as directories are cloned from them: unpacked when first needed, for all who need them. */
export interface Bases {
  /** A folder with `tree` in it, see makeBase. */
  path(origin: Origin): string;
  /** The same, once it is there. */
  use(origin: Origin, method: CloneMethod, options: DirectoryProgress): Promise<string>;
  /** Deletes those that none of these needs and that were not used for a day. */
  sweep(used: readonly Origin[]): Promise<void>;
}

export interface BasesDeps {
  readonly folder: string;
  readonly blobPath: (digest: string) => Promise<string>;
  readonly unpack: UnpackTree;
  readonly tools: Tools;
}

const idleMs = 24 * 3600_000;
const readyFile = 'ready';
const nameOf = ({ digest, partition }: Origin): string => `${digest}-${partition}`;

/** Somebody unpacks an image. It goes on for as long as anybody waits for it. */
interface Unpacking {
  readonly done: Promise<void>;
  readonly abort: AbortController;
  readonly listeners: Set<DirectoryProgress['progress']>;
}

export function createBases(deps: BasesDeps): Bases {
  const underWay = new Map<string, Unpacking>();
  const folderOf = (origin: Origin): string => join(deps.folder, nameOf(origin));
  const path = (origin: Origin): string => join(folderOf(origin), 'base');

  const isReady = (origin: Origin): Promise<boolean> =>
    stat(join(folderOf(origin), readyFile)).then(
      () => true,
      () => false,
    );

  const begin = (origin: Origin, method: CloneMethod): Unpacking => {
    const abort = new AbortController();
    const listeners: Unpacking['listeners'] = new Set();
    const progress: DirectoryProgress['progress'] = (done, total) => {
      for (const listener of listeners) listener(done, total);
    };
    const done = unpack(deps, folderOf(origin), origin, method, { signal: abort.signal, progress });
    const unpacking = { done, abort, listeners };
    underWay.set(nameOf(origin), unpacking);
    const end = (): boolean => underWay.delete(nameOf(origin));
    done.then(end, end);
    return unpacking;
  };

  return {
    path,
    use: async (origin, method, { signal, progress }) => {
      while (!(await isReady(origin))) {
        signal.throwIfAborted();
        const unpacking = underWay.get(nameOf(origin)) ?? begin(origin, method);
        await wait(unpacking, signal, progress);
      }
      await touch(join(folderOf(origin), readyFile));
      return path(origin);
    },
    sweep: async (used) => {
      const kept = new Set([...used.map(nameOf), ...underWay.keys()]);
      for (const name of await readdir(deps.folder)) {
        if (kept.has(name)) continue;
        const ready = await stat(join(deps.folder, name, readyFile)).catch(() => undefined);
        if (ready !== undefined && Date.now() - ready.mtimeMs < idleMs) continue;
        await rm(join(deps.folder, name, readyFile), { force: true });
        await deleteTree(join(deps.folder, name), { tools: deps.tools, signal: new AbortController().signal });
      }
    },
  };
}

/** The last who no longer waits ends it; nobody waits for longer than he wants to. */
async function wait(
  { done, abort, listeners }: Unpacking,
  signal: AbortSignal,
  progress: DirectoryProgress['progress'],
): Promise<void> {
  // Each who waits is a listener of its own.
  const listener: DirectoryProgress['progress'] = (...how) => progress(...how);
  listeners.add(listener);
  let leave = (): void => undefined;
  const left = new Promise<never>((_resolve, reject) => {
    leave = () => {
      listeners.delete(listener);
      if (listeners.size === 0) abort.abort(signal.reason);
      reject(signal.reason as Error);
    };
  });
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([done, left]);
  } finally {
    signal.removeEventListener('abort', leave);
    listeners.delete(listener);
  }
}

async function unpack(
  { blobPath, unpack: unpackTree, tools }: BasesDeps,
  folder: string,
  { digest, partition }: Origin,
  method: CloneMethod,
  options: DirectoryProgress,
): Promise<void> {
  await deleteTree(folder, { tools, signal: options.signal });
  const path = await blobPath(digest);
  await mkdir(folder, { mode: 0o700 });
  const base = join(folder, 'base');
  await makeBase(method, base, { tools, signal: options.signal });
  await unpackTree({ path, partition }, join(base, 'tree'), options);
  await tools.run('sync', ['--file-system', folder], { signal: options.signal });
  await writeFile(join(folder, 'ready.new'), '', { flush: true });
  await rename(join(folder, 'ready.new'), join(folder, readyFile));
}

const touch = (file: string): Promise<void> => utimes(file, new Date(), new Date());
