import { ImageError } from '../errors.js';
import type { Qcow2Environment } from './active.js';
import { unallocated } from './format.js';
import type { BackingName, Qcow2Header } from './header.js';
import { readLayout, type Layout } from './layout.js';
import { scanImage } from './scan.js';
import { createTables, type Tables } from './tables.js';
import type { BlockSource, DiskView } from './types.js';
import { createView } from './view.js';

/** A qcow2 image that nobody writes to, and what shows through it. */
export interface Layer {
  readonly view: DiskView;
  /** What the image says it lies on. */
  readonly backing: BackingName | undefined;
  /** Whether the image itself, not what lies below it, has something in this stretch. */
  holds(offset: number, length: number): Promise<boolean>;
  /** Gives memory back. The file belongs to the caller. */
  forget(): void;
}

export interface OpenLayerOptions {
  file: BlockSource;
  /** What lies below; undefined when that is nothing. */
  below: DiskView | undefined;
  environment: Pick<Qcow2Environment, 'tables'>;
}

/**
 * Opens an image for reading only: of version 2 or 3, with clusters of 512 bytes to 2 MiB, compressed ones included, and the active state when
 * it has internal snapshots. All tables are checked. Throws `image.qcow2.*`, also for an image that a redo log belongs to.
 */
export async function openLayer({ file, below, environment }: OpenLayerOptions): Promise<Layer> {
  const layout = await readLayout(file);
  requireBelow(layout.header, below);
  requireClosed(layout.header);
  await scanImage(file, layout, { countsMatter: false });
  return createLayer(file, layout, createTables(file, layout, environment.tables), below);
}

/** Refuses to open an overlay without what it lies on: it would read as zeros. */
export function requireBelow(header: Qcow2Header, below: DiskView | undefined): void {
  if ((header.backing === undefined) === (below === undefined)) return;
  const is = header.backing === undefined ? 'has no backing file' : `lies on "${header.backing.name}"`;
  throw new ImageError('image.qcow2.backing', `The image ${is}`, {
    remedy: below === undefined ? 'Open it together with its backing file.' : 'Open it without a backing file.',
  });
}

function requireClosed({ session }: Qcow2Header): void {
  if (session === undefined) return;
  throw new ImageError('image.qcow2.backing', 'The image is open for writing, or was left so', {
    remedy: 'Detach the disk that writes to it, or attach and detach it once when its server was killed.',
  });
}

export function createLayer(file: BlockSource, layout: Layout, tables: Tables, below: DiskView | undefined): Layer {
  const { header, geometry } = layout;
  const { clusterSize } = geometry;
  const mapped = { size: header.size, clusterSize, file, below, ...tables, enter: () => 0, leave: () => undefined };
  return {
    view: createView(mapped),
    backing: header.backing,
    holds: async (offset, length) => {
      const end = Math.min(offset + length, header.size);
      for (let at = offset; at < end; at += clusterSize - (at % clusterSize)) {
        if ((await tables.find(Math.floor(at / clusterSize))) !== unallocated) return true;
      }
      // Behind its end an image hides what lies below.
      return offset + length > header.size && offset < (below?.size ?? 0);
    },
    forget: tables.drop,
  };
}
