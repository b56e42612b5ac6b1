import { encodeL2, type Geometry, type Mapping } from './format.js';
import type { Tables } from './tables.js';
import type { BlockFile } from './types.js';
import { copyOf, settle } from './view.js';

/** A page of an L2 table with new entries. */
export interface ChangedPage {
  readonly page: number;
  readonly bytes: Buffer;
}

export interface PageWriter {
  /** Changes pages in memory, where look-ups find them at once: they are pinned. Returns them in the order of the file. */
  change(mappings: ReadonlyMap<number, Mapping>): Promise<ChangedPage[]>;
  /** Writes pages in that order, those side by side as one. Whether it fails or not, nothing is under way any more when it is over. */
  write(pages: readonly ChangedPage[]): Promise<void>;
}

export function createPageWriter(file: BlockFile, tables: Tables, geometry: Geometry): PageWriter {
  const { sliceEntries, sliceSize, clusterSize } = geometry;

  return {
    change: async (mappings) => {
      const changed: ChangedPage[] = [];
      for (const [page, entries] of byPage(mappings, sliceEntries)) {
        const bytes = copyOf(await tables.page(page));
        for (const [cluster, mapping] of entries) encodeL2(bytes, cluster % sliceEntries, mapping, clusterSize);
        tables.pin(page, bytes);
        changed.push({ page, bytes });
      }
      return changed.sort((a, b) => tables.offsetOf(a.page) - tables.offsetOf(b.page));
    },
    write: async (pages) => {
      const writes: { start: number; end: number; pieces: Buffer[] }[] = [];
      for (const { page, bytes } of pages) {
        const start = tables.offsetOf(page);
        const before = writes.at(-1);
        if (before?.end === start) {
          before.pieces.push(bytes);
          before.end += sliceSize;
        } else writes.push({ start, end: start + sliceSize, pieces: [bytes] });
      }
      await settle(writes.map(({ start, pieces }) => file.write(start, pieces)));
    },
  };
}

function byPage(mappings: ReadonlyMap<number, Mapping>, sliceEntries: number): Map<number, [number, Mapping][]> {
  const pages = new Map<number, [number, Mapping][]>();
  for (const entry of mappings) {
    const page = Math.floor(entry[0] / sliceEntries);
    const there = pages.get(page);
    if (there === undefined) pages.set(page, [entry]);
    else there.push(entry);
  }
  return pages;
}
