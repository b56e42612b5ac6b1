import { link, open, realpath, unlink } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import {
  ImageError,
  createQcow2,
  openLayer,
  openQcow2,
  readQcow2Header,
  type BackingName,
  type BlockFile,
  type BlockSource,
  type CreateQcow2Options,
  type DiskView,
  type Layer,
  type Qcow2Disk,
  type Qcow2Environment,
} from '@drover/disk-image';
import { openBlockFile, openBlockSource, type BlockFileDeps } from './block-file.js';

export interface DiskFilesDeps {
  readonly files: BlockFileDeps;
  readonly environment: Qcow2Environment;
  /** How long a file is waited for that another process still has open, in ms: one that was killed may be making holes. */
  readonly lockWaitMs: number;
}

/** The raw image below a disk's overlays. */
export interface DiskBase {
  readonly path: string;
  readonly view: DiskView;
}

/** Where a disk is. */
export interface DiskPlace {
  /** The overlay that is written to. */
  readonly overlay: string;
  /** Its redo log, which is made when it is not there. */
  readonly log: string;
  /** Frozen overlays, the uppermost first. */
  readonly layers: readonly string[];
  /** Undefined for a disk that began empty. */
  readonly base: DiskBase | undefined;
}

export interface OpenedDisk {
  readonly disk: Qcow2Disk;
  /** Closes the disk and then its files, also when the disk cannot be closed in an orderly way; rejects then. */
  close(): Promise<void>;
}

/** A file for an image that nobody can find until it is published. */
export interface NewImageFile {
  readonly file: BlockFile;
  /** Gives the file its name, durably. Rejects with EEXIST when there is one of that name. */
  publish(): Promise<void>;
  /** Removes it when it was not published. The file must be closed. */
  discard(): Promise<void>;
}

const beingMade = (path: string): string => `${path}.new`;

/** Begins an image at this path. What was left there by a server that was killed is removed. */
export async function newImageFile(path: string, { files, lockWaitMs }: DiskFilesDeps): Promise<NewImageFile> {
  const temporary = beingMade(path);
  await unlink(temporary).catch(unlessAbsent);
  const file = await openBlockFile(temporary, files, { create: true, lockWaitMs });
  return {
    file,
    publish: async () => {
      await link(temporary, path);
      await unlink(temporary);
      await syncFolder(dirname(path));
    },
    discard: () => unlink(temporary).catch(unlessAbsent),
  };
}

/** Creates an overlay, which is durable when it resolves. Throws `image.qcow2.parameter`, `image.qcow2.backing`, or with the system's code. */
export async function createDiskFile(path: string, options: CreateQcow2Options, deps: DiskFilesDeps): Promise<void> {
  const image = await newImageFile(path, deps);
  try {
    await createQcow2(image.file, options);
    await image.publish();
  } finally {
    await image.file.close();
    await image.discard();
  }
}

/**
 * Opens a disk with all it lies on, and keeps other processes from it. Throws `image.qcow2.*`, also when an overlay does not say that it lies
 * on the one below: it would show the wrong bytes.
 */
export async function openDiskFiles(place: DiskPlace, deps: DiskFilesDeps): Promise<OpenedDisk> {
  const opened: { close(): Promise<void> }[] = [];
  const closeFiles = async (): Promise<void> => {
    await Promise.all(opened.splice(0).map((file) => file.close()));
  };
  const keep = <T extends { close(): Promise<void> }>(file: T): T => {
    opened.push(file);
    return file;
  };
  try {
    const { files, environment, lockWaitMs } = deps;
    const file = keep(await openBlockFile(place.overlay, files, { lockWaitMs }));
    await requireBelow(place.overlay, file, place.layers[0] ?? place.base?.path);
    const layers = await openLayers(place, environment, async (path) => keep(await openBlockSource(path)));
    const log = keep(await openOrCreate(place.log, files));
    const disk = await openQcow2({ file, log, layers, base: place.base?.view, environment });
    const close = async (): Promise<void> => {
      try {
        await disk.close();
      } finally {
        for (const layer of layers) layer.forget();
        await closeFiles();
      }
    };
    return { disk, close };
  } catch (error) {
    await closeFiles();
    throw error;
  }
}

/** Opens the frozen overlays, from the lowest up. */
async function openLayers(
  { layers: paths, base }: DiskPlace,
  environment: Qcow2Environment,
  openFile: (path: string) => Promise<BlockSource>,
): Promise<Layer[]> {
  const layers: Layer[] = [];
  for (const [index, path] of [...paths.entries()].reverse()) {
    const file = await openFile(path);
    await requireBelow(path, file, paths[index + 1] ?? base?.path);
    layers.unshift(await openLayer({ file, below: layers[0]?.view ?? base?.view, environment }));
  }
  return layers;
}

const openOrCreate = (path: string, files: BlockFileDeps): Promise<BlockFile> =>
  openBlockFile(path, files, { create: true }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
    return openBlockFile(path, files);
  });

/** Refuses an overlay that says it lies on something else. Names are looked up from the folder of the overlay, as qemu-img does it. */
async function requireBelow(path: string, file: BlockSource, below: string | undefined): Promise<void> {
  const { backing } = await readQcow2Header(file);
  if (await isSameFile(path, backing, below)) return;
  const says = backing === undefined ? 'on nothing' : `on "${backing.name}"`;
  const wanted = below ?? 'nothing';
  throw new ImageError('image.qcow2.backing', `${path} says that it lies ${says}, but it is to lie on ${wanted}`, {
    remedy: `Put the file back, or tell the overlay with \`qemu-img rebase -u -b FILE -F FORMAT ${path}\`.`,
  });
}

async function isSameFile(path: string, backing: BackingName | undefined, below: string | undefined): Promise<boolean> {
  if (backing === undefined || below === undefined) return backing === undefined && below === undefined;
  const named = await realpath(resolve(dirname(path), backing.name)).catch(() => undefined);
  return named === (await realpath(below));
}

const codeOf = (error: unknown): unknown => (error instanceof Error && 'code' in error ? error.code : undefined);

function unlessAbsent(error: unknown): void {
  if (codeOf(error) !== 'ENOENT') throw error;
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
