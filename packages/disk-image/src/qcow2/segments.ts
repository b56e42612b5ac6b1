import { compressed, isData, isZero, missing, type Mapping } from './format.js';
import type { DiskView } from './types.js';

/** A stretch of a request and where its bytes come from. */
export interface Segment {
  from: 'file' | 'zero' | 'below' | 'compressed';
  /** Bytes from the start of the disk. */
  offset: number;
  length: number;
  /** In the file, for `file`. */
  place: number;
  /** For `zero`: whether a cluster is kept for it. */
  reserved: boolean;
}

export interface Lookup {
  lookup(cluster: number): Mapping;
  load(cluster: number): Promise<void>;
}

/**
 * Resolves a stretch of a disk, merging neighbours, as far as the tables in memory tell. Returns where it had to stop: at the end, before a
 * cluster whose table must be loaded, or at `limit` segments.
 */
export function resolve(
  tables: Lookup,
  clusterSize: number,
  below: DiskView | undefined,
  range: { from: number; to: number },
  segments: Segment[],
  limit = Infinity,
): number {
  const belowSize = below?.size ?? 0;
  for (let at = range.from; at < range.to;) {
    const cluster = Math.floor(at / clusterSize);
    const mapping = tables.lookup(cluster);
    if (mapping === missing) return at;
    const from = sourceOf(mapping, at < belowSize);
    let end = Math.min(range.to, (cluster + 1) * clusterSize);
    if (from === 'below') end = Math.min(end, belowSize);
    const place = from === 'file' ? mapping * clusterSize + (at % clusterSize) : 0;
    if (!extend(segments, from, end - at, place, mapping < -1)) {
      if (segments.length >= limit) return at;
      segments.push({ from, offset: at, length: end - at, place, reserved: mapping < -1 });
    }
    at = end;
  }
  return range.to;
}

function sourceOf(mapping: Mapping, hasBelow: boolean): Segment['from'] {
  if (isData(mapping)) return 'file';
  if (isZero(mapping)) return 'zero';
  if (mapping === compressed) return 'compressed';
  return hasBelow ? 'below' : 'zero';
}

/** Makes the last segment longer, when what follows belongs to it. */
function extend(segments: Segment[], from: Segment['from'], length: number, place: number, reserved: boolean): boolean {
  const last = segments[segments.length - 1];
  if (last?.from !== from || from === 'compressed' || last.reserved !== reserved) return false;
  if (from === 'file' && last.place + last.length !== place) return false;
  last.length += length;
  return true;
}
