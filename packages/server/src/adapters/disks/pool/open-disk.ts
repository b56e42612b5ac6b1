import { mostLayers, openLayer, openQcow2, rawView, readQcow2Header } from '@drover/disk-image';
import type {
  BlockFile,
  BlockSource,
  ClusterCache,
  DiskView,
  Layer,
  Qcow2Disk,
  Qcow2Environment,
} from '@drover/disk-image';
import type { Log } from '../../../app/ports.js';
import { openBlockSource } from '../block-file.js';
import type { Manifest } from './manifest.js';
import type { OverlayFiles } from './overlay-files.js';

export interface OpenDiskDeps {
  readonly overlays: OverlayFiles;
  readonly environment: Qcow2Environment;
  /** Of images, shared by all disks. */
  readonly cache: ClusterCache;
  /** Path of an image's blob, which nobody changes. Throws RefusedError blob.not-found. */
  readonly blobPath: (digest: string) => Promise<string>;
  readonly log: Log;
}

/** A disk with all of its files. */
export interface OpenDisk {
  readonly disk: Qcow2Disk;
  /** Keeps a file of it to be closed with it. */
  own(file: { close(): Promise<void> }): void;
  close(): Promise<void>;
}

type Closable = BlockFile | (BlockSource & { close(): Promise<void> });

/** Opens a disk for writing. Throws ImageError, RefusedError blob.not-found, or the system's error; then no file stays open. */
export async function openDisk(manifest: Manifest, deps: OpenDiskDeps): Promise<OpenDisk> {
  const files: { close(): Promise<void> }[] = [];
  const own = <T extends { close(): Promise<void> }>(file: T): T => {
    files.push(file);
    return file;
  };
  const closeFiles = async (): Promise<void> => {
    await Promise.all(files.map((file) => file.close()));
  };
  try {
    const file = own(await deps.overlays.open(manifest.head));
    const frozen = await chainOf(manifest, file, deps);
    const base = manifest.base === null ? undefined : await openBase(manifest.base, deps, own);
    const layers = await openLayers(frozen, base, deps, own);
    const log = own(await deps.overlays.openLog(manifest.head));
    const disk = await openQcow2({
      ...{ file, log, layers, environment: deps.environment },
      ...(base === undefined ? {} : { base }),
    });
    if (disk.recovery !== 'clean')
      deps.log.warn(
        { disk: manifest.disk, recovery: disk.recovery },
        'a disk was not closed in order, and was put right',
      );
    const close = async (): Promise<void> => {
      try {
        await disk.close();
      } finally {
        await closeFiles();
      }
    };
    return { disk, own, close };
  } catch (error) {
    await closeFiles();
    throw error;
  }
}

/** A disk that was flattened just before a crash lies on less than its manifest says. */
async function chainOf({ frozen }: Manifest, head: BlockFile, { overlays }: OpenDiskDeps): Promise<readonly string[]> {
  const [upper] = frozen;
  if (upper === undefined) return [];
  const { backing } = await readQcow2Header(head);
  return backing?.name === overlays.nameOf(upper) ? frozen : [];
}

type Own = <T extends Closable>(file: T) => T;

async function openBase(digest: string, { cache, blobPath }: OpenDiskDeps, own: Own): Promise<DiskView> {
  const source = own(await openBlockSource(await blobPath(digest)));
  return rawView(cache.open(digest, source));
}

/** From the lowest up; returned with the uppermost first. */
async function openLayers(
  frozen: readonly string[],
  base: DiskView | undefined,
  { overlays, environment }: OpenDiskDeps,
  own: Own,
): Promise<Layer[]> {
  const layers: Layer[] = [];
  for (const id of frozen.slice(0, mostLayers).toReversed()) {
    const file = own(await openBlockSource(overlays.path(id)));
    layers.unshift(await openLayer({ file, below: layers[0]?.view ?? base, environment }));
  }
  return layers;
}
