import type { Allocator } from './allocator.js';
import { sectorSize } from './format.js';
import type { Layout } from './layout.js';
import { countsPerSector, encodeRefcounts } from './refcounts.js';
import type { BlockFile } from './types.js';
import { settle } from './view.js';

export interface CountWriterDeps {
  file: BlockFile;
  layout: Layout;
  allocator: Allocator;
}

export interface CountWriter {
  /**
   * Writes reference counts that have changed, those of the allocator when it is called and perhaps later ones. They need no order of their own
   * among each other, because only clusters that nothing uses have lost theirs.
   */
  readonly write: () => Promise<void>;
}

/** Writes one after the other: two writes of a sector that are under way at once could leave the older one in the file. */
export function createCountWriter({ file, layout, allocator }: CountWriterDeps): CountWriter {
  const { geometry } = layout;
  const perSector = countsPerSector(geometry);
  let last: Promise<void> = Promise.resolve();

  const writeSector = async (sector: number): Promise<void> => {
    const first = sector * perSector;
    const block = layout.refcountTable[Math.floor(first / geometry.refcountEntries)] ?? 0;
    if (block === 0) {
      // It is about to be added, or a resize failed to add it and nothing uses the clusters.
      allocator.putDirtySectors([sector]);
      return;
    }
    const within = ((first % geometry.refcountEntries) / perSector) * sectorSize;
    const bytes = encodeRefcounts(allocator.counted, first, perSector, geometry);
    await file.write(block * geometry.clusterSize + within, bytes);
  };

  const writeDirty = async (): Promise<void> => {
    const sectors = allocator.takeDirtySectors();
    try {
      await settle(sectors.map(writeSector));
    } catch (error) {
      allocator.putDirtySectors(sectors);
      throw error;
    }
  };

  return {
    write: () => {
      const mine = last.then(writeDirty);
      last = mine.catch(() => undefined);
      return mine;
    },
  };
}
