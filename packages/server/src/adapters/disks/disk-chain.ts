import { realpath } from 'node:fs/promises';
import { basename, dirname, relative, resolve } from 'node:path';
import {
  ImageError,
  openLayer,
  readQcow2Header,
  type BackingName,
  type BlockSource,
  type DiskView,
  type Layer,
  type Qcow2Environment,
} from '@drover/disk-image';
import { openBlockSource } from './block-file.js';

/** The raw image below a disk's overlays. */
export interface DiskBase {
  readonly path: string;
  readonly view: DiskView;
}

/** A frozen overlay that is open. */
export interface OpenLayer {
  readonly path: string;
  readonly layer: Layer;
  close(): Promise<void>;
}

/**
 * Opens frozen overlays, the uppermost first in the list, from the lowest up. When one cannot be opened none stays so.
 */
export async function openLayers(
  paths: readonly string[],
  base: DiskBase | undefined,
  environment: Qcow2Environment,
): Promise<OpenLayer[]> {
  const opened: OpenLayer[] = [];
  try {
    for (const [index, path] of [...paths.entries()].reverse()) {
      const below = paths[index + 1] ?? base?.path;
      opened.unshift(await openOne(path, below, opened[0]?.layer.view ?? base?.view, environment));
    }
    return opened;
  } catch (error) {
    await closeLayers(opened);
    throw error;
  }
}

async function openOne(
  path: string,
  belowPath: string | undefined,
  below: DiskView | undefined,
  environment: Qcow2Environment,
): Promise<OpenLayer> {
  const file = await openBlockSource(path);
  try {
    await requireBelow(path, file, belowPath);
    return openLayerOf(path, await openLayer({ file, below, environment }), file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** An overlay that has become a frozen one, with the file it is read from. */
export const openLayerOf = (path: string, layer: Layer, file: { close(): Promise<void> }): OpenLayer => ({
  path,
  layer,
  close: async () => {
    layer.forget();
    await file.close();
  },
});

export async function closeLayers(layers: readonly OpenLayer[]): Promise<void> {
  await Promise.all(layers.map((each) => each.close()));
}

/** What an overlay calls what it lies on, so that the folder can be moved: looked up from the folder of the overlay, as qemu-img does it. */
export const nameFrom = (overlay: string, below: string): string => {
  const name = relative(dirname(overlay), below);
  return name === basename(name) ? `./${name}` : name;
};

/** Refuses an overlay that says it lies on something else than what it is to lie on. */
export async function requireBelow(path: string, file: BlockSource, below: string | undefined): Promise<void> {
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
