import { chmod, chown, mkdir, rm, stat, statfs, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError, type CloneMethod } from '@drover/contract';
import type { Tools } from '@drover/tools';
import { mountOverlay, unmount } from './mounts.js';

/**
 * The folders of one directory. What is exported is an overlay in any case, also where nothing is below it: it is a file system of its own then, and a board that makes up file
 * handles finds nothing in it but its own files. (On a plain folder, the handle of the whole file system's root is easily guessed, and neither NFS server looks whether it lies
 * below the export unless told to.)
 */
export interface ClonePlaces {
  /** Made with {@link makeBase}: the image's files are in `tree` there, and nobody changes them. */
  readonly base: string;
  /** With `tree`, what the board writes, and `work`. Not there before. */
  readonly layer: string;
  /** Where what the board gets is mounted. */
  readonly root: string;
  /** Not there before, and for directories that lie on nothing. */
  readonly empty: string;
}

export interface CloneOptions {
  readonly tools: Tools;
  readonly signal: AbortSignal;
}

/** Of statfs(2), linux/magic.h. */
const btrfsMagic = 0x9123683e;

const isBtrfs = async (folder: string): Promise<boolean> => (await statfs(folder)).type === btrfsMagic;

/** cp(1): everything that a file is, and links among the files as links. */
const copyArguments = (how: 'always' | 'never', from: string, to: string): string[] => [
  ...['--archive', `--reflink=${how}`, '--sparse=auto', '--no-target-directory', '--', from, to],
];

/** Fills `layer/tree`, or leaves it empty where the image's files are seen through it. */
const ways: Readonly<Record<CloneMethod, (places: ClonePlaces, options: CloneOptions) => Promise<void>>> = {
  snapshot: async ({ base, layer }, { tools, signal }) => {
    await tools.run('btrfs', ['subvolume', 'snapshot', base, layer], { signal });
  },
  reflink: async (places, options) => copy('always', places, options),
  overlay: async ({ base, layer }) => {
    const tree = join(layer, 'tree');
    await mkdir(tree, { recursive: true, mode: 0o700 });
    // The root of an overlay is as its upper folder is.
    const { uid, gid, mode } = await stat(join(base, 'tree'));
    await chown(tree, uid, gid);
    await chmod(tree, mode & 0o7777);
  },
  copy: async (places, options) => copy('never', places, options),
};

async function copy(how: 'always' | 'never', { base, layer }: ClonePlaces, { tools, signal }: CloneOptions) {
  await mkdir(layer, { mode: 0o700 });
  await tools.run('cp', copyArguments(how, join(base, 'tree'), join(layer, 'tree')), { signal });
}

/** A directory as large as the image, with next to nothing copied where the file system can. */
export async function clone(method: CloneMethod, places: ClonePlaces, options: CloneOptions): Promise<void> {
  await ways[method](places, options);
  await prepareMount(places);
}

/** What {@link mountClone} needs. */
export async function prepareMount({ layer, root, empty }: Omit<ClonePlaces, 'base'>): Promise<void> {
  for (const folder of [join(layer, 'work'), root, empty]) await mkdir(folder, { mode: 0o700 });
}

/** Shows the board's files at `root`. `method` null: those of `layer` alone. */
export async function mountClone(method: CloneMethod | null, places: ClonePlaces, tools: Tools): Promise<void> {
  const { base, layer, root, empty } = places;
  const lower = method === 'overlay' ? join(base, 'tree') : empty;
  await mountOverlay(tools, { lower, upper: join(layer, 'tree'), work: join(layer, 'work'), root });
}

/** A folder that can be cloned that way, with an empty `tree` in it: with snapshots it is a subvolume. */
export async function makeBase(method: CloneMethod, folder: string, { tools, signal }: CloneOptions): Promise<void> {
  if (method === 'snapshot') await tools.run('btrfs', ['subvolume', 'create', folder], { signal });
  else await mkdir(folder, { mode: 0o700 });
  await mkdir(join(folder, 'tree'), { mode: 0o700 });
}

/** Deletes a tree, with subvolumes in it, and nothing that is mounted in it. */
export async function deleteTree(folder: string, { tools, signal }: CloneOptions): Promise<void> {
  for (const subvolume of ['layer', 'base'].map((name) => join(folder, name)))
    if ((await isSubvolume(subvolume)) && (await isBtrfs(subvolume)))
      await tools.run('btrfs', ['subvolume', 'delete', subvolume], { signal });
  await tools.run('rm', ['-rf', '--one-file-system', '--', folder], { signal });
}

const isSubvolume = (folder: string): Promise<boolean> =>
  statfs(folder).then(
    () => true,
    () => false,
  );

const trials: readonly (readonly [
  method: Exclude<CloneMethod, 'copy'>,
  can: (folder: string, options: CloneOptions) => Promise<boolean>,
])[] = [
  ['snapshot', isBtrfs],
  ['reflink', canReflink],
  ['overlay', () => Promise.resolve(true)],
];

const noOverlay = (folder: string) =>
  refusal('disk.invalid', `No overlay can be mounted over the file system of ${folder}.`, {
    remedy:
      'Set nfs.folder to a folder on a local file system (ext4, XFS, btrfs); overlays need a kernel that has them.',
  });

/** The best way that the file system of a folder can. `wanted`: that one, or RefusedError; as well where it cannot carry what is exported. */
export async function chooseMethod(
  wanted: CloneMethod | 'auto',
  folder: string,
  options: CloneOptions,
): Promise<CloneMethod> {
  if (!(await canOverlay(folder, options))) throw new RefusedError(noOverlay(folder));
  for (const [method, can] of trials) {
    if (wanted !== 'auto' && wanted !== method) continue;
    if (await can(folder, options)) return method;
  }
  if (wanted === 'auto' || wanted === 'copy') return 'copy';
  throw new RefusedError(
    refusal('disk.invalid', `The file system of ${folder} cannot clone by ${wanted} (setting nfs.clone).`, {
      remedy: 'Set nfs.clone to auto, or nfs.folder to a folder on a file system that can.',
    }),
  );
}

async function canReflink(folder: string, { tools, signal }: CloneOptions): Promise<boolean> {
  const [from, to] = [join(folder, '.reflink'), join(folder, '.reflink-clone')];
  await writeFile(from, Buffer.alloc(8192, 1));
  try {
    await tools.run('cp', copyArguments('always', from, to), { signal });
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    return false;
  } finally {
    await rm(from, { force: true });
    await rm(to, { force: true });
  }
}

async function canOverlay(folder: string, { tools }: CloneOptions): Promise<boolean> {
  const trial = join(folder, '.overlay');
  const places = { base: '', layer: join(trial, 'layer'), root: join(trial, 'root'), empty: join(trial, 'empty') };
  await unmount(tools, places.root);
  await rm(trial, { recursive: true, force: true });
  await mkdir(join(places.layer, 'tree'), { recursive: true, mode: 0o700 });
  await prepareMount(places);
  try {
    await mountClone(null, places, tools);
    return true;
  } catch {
    return false;
  } finally {
    await unmount(tools, places.root);
    await rm(trial, { recursive: true, force: true });
  }
}
