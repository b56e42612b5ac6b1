import { ImageError } from './errors.js';

/**
 * Bytes at an offset. `read` returns exactly `length` bytes or throws `ImageError('image.truncated')`.
 * The caller must not change what it gets: it may be a view of a cache.
 */
export interface RandomAccess {
  /** Bytes that can be read. */
  readonly size: number;
  read(offset: number, length: number): Promise<Uint8Array>;
}

/** A stretch of bytes. */
export interface Extent {
  offset: number;
  length: number;
}

function requireRange(size: number, offset: number, length: number): void {
  if (offset >= 0 && length >= 0 && offset + length <= size) return;
  throw new ImageError('image.truncated', `${length} bytes at ${offset} are wanted but there are only ${size}`, {
    at: offset,
    remedy: 'The image is cut short: download or copy it again and compare its checksum.',
  });
}

/** Bytes in memory as a source. */
export function memorySource(bytes: Uint8Array): RandomAccess {
  return {
    size: bytes.length,
    read: async (offset, length) => {
      requireRange(bytes.length, offset, length);
      return bytes.subarray(offset, offset + length);
    },
  };
}

/** A stretch of another source, such as a partition. Throws `image.truncated` when it does not fit. */
export function windowOf(source: RandomAccess, offset: number, length: number): RandomAccess {
  requireRange(source.size, offset, length);
  return {
    size: length,
    read: async (at, count) => {
      requireRange(length, at, count);
      return source.read(offset + at, count);
    },
  };
}

export interface CacheOptions {
  /** Bytes read at once. */
  pageSize: number;
  /** Pages kept: the memory bound is `pageSize * pages`. */
  pages: number;
}

/**
 * A source that reads in whole pages and keeps the most recently used ones. Reads of more than four pages go
 * straight through, so that a large file does not push metadata out.
 */
export function cachedSource(source: RandomAccess, options: CacheOptions): RandomAccess {
  const { pageSize, pages } = options;
  const kept = new Map<number, Promise<Uint8Array>>();

  const dropOldest = (): void => {
    const oldest = kept.keys().next();
    if (oldest.done !== true) kept.delete(oldest.value);
  };

  const page = (index: number): Promise<Uint8Array> => {
    const known = kept.get(index);
    if (known !== undefined) {
      kept.delete(index);
      kept.set(index, known);
      return known;
    }
    const start = index * pageSize;
    const loading = source.read(start, Math.min(pageSize, source.size - start));
    kept.set(index, loading);
    loading.catch(() => kept.delete(index));
    if (kept.size > pages) dropOldest();
    return loading;
  };

  const gather = async (offset: number, length: number): Promise<Uint8Array> => {
    const out = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const at = offset + done;
      const bytes = await page(Math.floor(at / pageSize));
      const within = at % pageSize;
      const part = bytes.subarray(within, Math.min(bytes.length, within + length - done));
      out.set(part, done);
      done += part.length;
    }
    return out;
  };

  return {
    size: source.size,
    read: async (offset, length) => {
      requireRange(source.size, offset, length);
      if (length === 0) return new Uint8Array(0);
      if (length > pageSize * 4) return source.read(offset, length);
      const first = Math.floor(offset / pageSize);
      if (Math.floor((offset + length - 1) / pageSize) !== first) return gather(offset, length);
      const bytes = await page(first);
      return bytes.subarray(offset - first * pageSize, offset - first * pageSize + length);
    },
  };
}

/** Reads the extents one after the other into one array of their total length. */
export async function readExtents(source: RandomAccess, extents: readonly Extent[]): Promise<Uint8Array> {
  const [only] = extents;
  if (only !== undefined && extents.length === 1) return source.read(only.offset, only.length);
  const out = new Uint8Array(extents.reduce((sum, extent) => sum + extent.length, 0));
  let at = 0;
  for (const extent of extents) {
    out.set(await source.read(extent.offset, extent.length), at);
    at += extent.length;
  }
  return out;
}
