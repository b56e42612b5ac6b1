import { decodeL2, missing, parseL2, unallocated, type L2Entry, type Mapping } from './format.js';
import type { Layout } from './layout.js';
import type { TableCache } from './table-cache.js';
import type { BlockSource } from './types.js';

/** The L2 tables of an image as they are in its file, read a page at a time when they are first needed. */
export interface Tables {
  /** Where a guest cluster is; `missing` when the page that tells must be loaded first. */
  lookup(cluster: number): Mapping;
  /** Reads the page with this guest cluster, unless it is there. */
  readonly load: (cluster: number) => Promise<void>;
  /** As `lookup`, loading what it needs. */
  find(cluster: number): Promise<Mapping>;
  /** The whole entry of a guest cluster, with the place of compressed bytes. */
  readonly entry: (cluster: number) => Promise<L2Entry>;
  /** Bytes of a page, which must not be changed. */
  page(page: number): Promise<Buffer>;
  /** Has look-ups use these bytes while they are on their way to the file. */
  pin(page: number, bytes: Buffer): void;
  /** The pinned bytes are in the file. */
  unpin(page: number): void;
  /** Where a page is in the file, in bytes. */
  offsetOf(page: number): number;
  /** Gives the pages' memory back. */
  readonly drop: () => void;
}

export function createTables(file: BlockSource, layout: Layout, cache: TableCache): Tables {
  const { geometry, header } = layout;
  const { sliceEntries, sliceSize, clusterSize } = geometry;
  const perTable = geometry.l2Entries / sliceEntries;
  const image = cache.register();
  const loading = new Map<number, Promise<Buffer>>();
  const pinned = new Map<number, Buffer>();

  const hostOfPage = (page: number): number => layout.l1[Math.floor(page / perTable)] ?? 0;
  const offsetOf = (page: number): number => hostOfPage(page) * clusterSize + (page % perTable) * sliceSize;
  const held = (page: number): Buffer | undefined => pinned.get(page) ?? cache.get(image, page);

  const read = (page: number): Promise<Buffer> => {
    const bytes = Buffer.alloc(sliceSize);
    const started = file.readInto(offsetOf(page), bytes).then(
      () => {
        // A page that was pinned in the meantime is newer than what was read.
        if (loading.get(page) !== started) return held(page) ?? bytes;
        loading.delete(page);
        return cache.put(image, page, bytes);
      },
      (error: unknown) => {
        if (loading.get(page) === started) loading.delete(page);
        throw error;
      },
    );
    loading.set(page, started);
    return started;
  };

  const page = async (index: number): Promise<Buffer> => held(index) ?? loading.get(index) ?? read(index);

  const lookup = (cluster: number): Mapping => {
    const index = Math.floor(cluster / sliceEntries);
    if (hostOfPage(index) === 0) return unallocated;
    const bytes = held(index);
    return bytes === undefined ? missing : decodeL2(bytes, cluster % sliceEntries, clusterSize);
  };

  const load = async (cluster: number): Promise<void> => {
    const index = Math.floor(cluster / sliceEntries);
    if (hostOfPage(index) !== 0) await page(index);
  };

  return {
    lookup,
    load,
    find: async (cluster) => {
      while (lookup(cluster) === missing) await load(cluster);
      return lookup(cluster);
    },
    entry: async (cluster) => {
      const at = (cluster % sliceEntries) * 8;
      const bytes = await page(Math.floor(cluster / sliceEntries));
      const [high, low] = [bytes.readUInt32BE(at), bytes.readUInt32BE(at + 4)];
      return parseL2(high, low, clusterSize, header.version, `Guest cluster ${cluster}`);
    },
    page,
    pin: (index, bytes) => {
      loading.delete(index);
      pinned.set(index, bytes);
    },
    unpin: (index) => {
      const bytes = pinned.get(index);
      pinned.delete(index);
      if (bytes !== undefined) cache.put(image, index, bytes);
    },
    offsetOf,
    drop: () => cache.drop(image),
  };
}
