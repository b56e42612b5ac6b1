import { unlink } from 'node:fs/promises';
import { openQcow2, type BlockFile, type CopyProgress, type Qcow2Disk } from '@drover/disk-image';
import { openBlockFile, type BlockFileDeps } from './block-file.js';
import {
  closeLayers,
  nameFrom,
  openLayerOf,
  openLayers,
  requireBelow,
  type DiskBase,
  type OpenLayer,
} from './disk-chain.js';
import { newImageFile, type DiskFilesDeps } from './disk-files.js';
import { codeOf } from './file-error.js';

/** Where a disk's own files are. */
export interface OverlayPlace {
  /** The overlay that is written to. */
  readonly overlay: string;
  /** Its redo log, which is made when it is not there. */
  readonly log: string;
}

/** Where a disk is. */
export interface DiskPlace extends OverlayPlace {
  /** Frozen overlays, the uppermost first. */
  readonly layers: readonly string[];
  /** Undefined for a disk that began empty. */
  readonly base: DiskBase | undefined;
}

export interface FlattenDiskOptions {
  /** Stays on the base, or copies that as well. */
  readonly onto: 'base' | 'nothing';
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CopyProgress) => void;
}

/** A disk that is open, with its files. */
export interface OpenedDisk {
  readonly disk: Qcow2Disk;
  /** Where it is now. */
  readonly place: DiskPlace;
  /**
   * Freezes the overlay and goes on in a new one, whose files must not be there yet. `commit` makes the new place known, durably; until it has,
   * the disk must be looked for at the old one. When something fails, `commit` included, the disk goes on as before, and nothing of the new
   * one is left.
   */
  snapshot(next: OverlayPlace, commit: (place: DiskPlace) => Promise<void>): Promise<void>;
  /** Copies what lies below into the overlay. Returns the paths of frozen overlays that the disk does not need any more. */
  flatten(options: FlattenDiskOptions): Promise<readonly string[]>;
  /** Closes the disk and then its files, also when the disk cannot be closed in an orderly way; rejects then. */
  close(): Promise<void>;
}

/** Files that are closed one with the other. */
interface OverlayFiles {
  readonly file: BlockFile;
  readonly log: BlockFile;
}

/**
 * Opens a disk with all it lies on, and keeps other processes from it. Throws `image.qcow2.*`, also when an overlay does not say that it lies
 * on the one below: it would show the wrong bytes.
 */
export async function openDiskFiles(place: DiskPlace, deps: DiskFilesDeps): Promise<OpenedDisk> {
  const { files, environment, lockWaitMs } = deps;
  const file = await openBlockFile(place.overlay, files, { lockWaitMs });
  let [layers, log]: [OpenLayer[], BlockFile | undefined] = [[], undefined];
  try {
    await requireBelow(place.overlay, file, place.layers[0] ?? place.base?.path);
    layers = await openLayers(place.layers, place.base, environment);
    log = await openOrCreate(place.log, files);
    const below = { layers: layers.map(({ layer }) => layer), base: place.base?.view };
    const disk = await openQcow2({ file, log, ...below, environment });
    return createOpenedDisk(disk, place, { file, log }, layers, deps);
  } catch (error) {
    await Promise.all([file.close(), log?.close(), closeLayers(layers)]);
    throw error;
  }
}

const openOrCreate = (path: string, files: BlockFileDeps): Promise<BlockFile> =>
  openBlockFile(path, files, { create: true }).catch((error: unknown) => {
    if (codeOf(error) !== 'EEXIST') throw error;
    return openBlockFile(path, files);
  });

function createOpenedDisk(
  disk: Qcow2Disk,
  initialPlace: DiskPlace,
  initialFiles: OverlayFiles,
  initialLayers: readonly OpenLayer[],
  deps: DiskFilesDeps,
): OpenedDisk {
  let [place, own, layers] = [initialPlace, initialFiles, initialLayers];

  const snapshot = async (next: OverlayPlace, commit: (place: DiskPlace) => Promise<void>): Promise<void> => {
    const image = await newImageFile(next.overlay, deps, { locked: true });
    // Not before it is committed: a flattening may end until then.
    const nextPlace = (): DiskPlace => ({ ...place, ...next, layers: [place.overlay, ...place.layers] });
    let log: BlockFile | undefined;
    try {
      log = await openBlockFile(next.log, deps.files, { create: true });
      const layer = await disk.snapshot({
        file: image.file,
        log,
        backingName: nameFrom(next.overlay, place.overlay),
        publish: async () => {
          await image.publish();
          await commit(nextPlace());
        },
      });
      layers = [openLayerOf(place.overlay, layer, own.file), ...layers];
    } catch (error) {
      await Promise.all([image.file.close(), log?.close()]);
      await image.discard();
      if (log !== undefined) await unlink(next.log);
      throw error;
    }
    const old = { log: own.log, path: place.log };
    [place, own] = [nextPlace(), { file: image.file, log }];
    // A frozen overlay has everything in itself.
    await old.log.close();
    await unlink(old.path);
  };

  return {
    disk,
    get place() {
      return place;
    },
    snapshot,
    flatten: async (options) => {
      const { base, overlay } = place;
      const keepsBase = options.onto === 'base' && base !== undefined;
      const backing = keepsBase ? { backing: { name: nameFrom(overlay, base.path), format: 'raw' } } : {};
      let dropped: readonly OpenLayer[] = [];
      const onRebased = (): void => {
        [dropped, layers] = [layers, []];
        place = { ...place, layers: [], base: keepsBase ? base : undefined };
      };
      await disk.flatten({ ...options, ...backing, onRebased });
      await closeLayers(dropped);
      return dropped.map(({ path }) => path);
    },
    close: async () => {
      try {
        await disk.close();
      } finally {
        await Promise.all([own.file.close(), own.log.close(), closeLayers(layers)]);
      }
    },
  };
}
