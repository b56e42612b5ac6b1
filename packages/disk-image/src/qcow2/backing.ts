import type { Extent } from '../source.js';
import type { CachedFile } from './cluster-cache.js';
import { append } from './view.js';
import { readSoon, targetOf, type BlockSource, type BlockStatus, type DiskView } from './types.js';
import { isAllZero } from './zeros.js';

/**
 * A raw image as the lowest part of a disk. `data` says where it holds something: extents in order, apart from each other; the rest must read
 * as zeros. Without it all of the image counts as data.
 */
export function rawView(file: CachedFile, data: readonly Extent[] = [{ offset: 0, length: file.size }]): DiskView {
  const starts = Float64Array.from(data, ({ offset }) => offset);

  /** The first extent that ends behind this byte. */
  const indexAt = (offset: number): number => {
    let [low, high] = [0, starts.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      const extent = data[middle] as Extent;
      if (extent.offset + extent.length <= offset) low = middle + 1;
      else high = middle;
    }
    return low;
  };

  const status = (offset: number, length: number, limit: number): BlockStatus[] => {
    const found: BlockStatus[] = [];
    const end = offset + length;
    let index = indexAt(offset);
    for (let at = offset; at < end && found.length <= limit;) {
      const extent = data[index];
      const start = Math.min(end, extent?.offset ?? end);
      if (at < start) {
        append(found, { offset: at, length: start - at, zero: true, hole: true });
        at = start;
        continue;
      }
      const stop = Math.min(end, (extent as Extent).offset + (extent as Extent).length);
      append(found, { offset: at, length: stop - at, zero: false, hole: false });
      at = stop;
      index += 1;
    }
    return found.slice(0, limit);
  };

  return {
    size: file.size,
    read: (offset, length, into) => file.read(offset, length, into),
    readInto: (offset, target) => file.readInto(offset, target),
    status,
    fromBase: (offset, length) => offset + length <= file.size,
    knownZero: (offset, length) => (starts[indexAt(offset)] ?? Infinity) >= offset + length,
  };
}

/** A file that is read without a cache. */
export const uncached = (source: BlockSource): CachedFile => ({
  size: source.size,
  read: async (offset, length, into) => {
    const target = targetOf(length, into);
    await readSoon(source, offset, target);
    return target;
  },
  readInto: (offset, target) => readSoon(source, offset, target),
});

export interface FindDataOptions {
  /** Bytes looked at as one. Default 64 KiB. */
  grain?: number;
  signal?: AbortSignal;
}

/** Reads all of a file to find where it is not zero, for `rawView`. */
export async function findData(file: BlockSource, { grain = 65536, signal }: FindDataOptions = {}): Promise<Extent[]> {
  const found: Extent[] = [];
  const bytes = Buffer.allocUnsafeSlow(grain);
  for (let offset = 0; offset < file.size; offset += grain) {
    signal?.throwIfAborted();
    const part = bytes.subarray(0, Math.min(grain, file.size - offset));
    await file.readInto(offset, part);
    if (isAllZero(part)) continue;
    const last = found.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += part.length;
    else found.push({ offset, length: part.length });
  }
  return found;
}
