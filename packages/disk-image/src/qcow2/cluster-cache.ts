import type { BlockSource } from './types.js';

/** A file whose content never changes, read through a cache. */
export interface CachedFile {
  readonly size: number;
  /** What is in the cache is given at once. Must not be changed. */
  read(offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  readInto(offset: number, target: Uint8Array): void | Promise<void>;
}

export interface ClusterCache {
  /** Files with the same digest share what is cached, so they must have the same content. */
  open(digest: string, source: BlockSource): CachedFile;
  /** Bytes held. */
  readonly bytes: number;
  /** Clusters found in the cache, and clusters read from a file. */
  readonly hits: number;
  readonly misses: number;
}

export interface ClusterCacheOptions {
  /** Bytes to hold at most. */
  bytes: number;
  /** Bytes read and kept as one. Default 64 KiB. */
  clusterSize?: number;
}

type Cluster = Uint8Array | Promise<Uint8Array>;

/** Clusters of one file: enough for any image. */
const clustersPerFile = 2 ** 32;

/** Clusters that one read asks for in one go. */
const mostPerRead = 16;

/**
 * Keeps the most recently used clusters of base images, whoever reads them. A cluster that is being read is waited for, so that a hundred disks
 * that want the same one cost one read.
 */
export function createClusterCache({ bytes: limit, clusterSize = 65536 }: ClusterCacheOptions): ClusterCache {
  const clusters = new Map<number, Cluster>();
  const files = new Map<string, number>();
  const counts = { held: 0, hits: 0, misses: 0 };

  const numberOf = (digest: string): number => {
    const known = files.get(digest);
    if (known !== undefined) return known;
    files.set(digest, files.size + 1);
    return files.size;
  };

  const evict = (): void => {
    for (const [key, cluster] of clusters) {
      if (counts.held <= limit) return;
      // What is on its way comes anyway, and is wanted.
      if (cluster instanceof Promise) continue;
      clusters.delete(key);
      counts.held -= cluster.length;
    }
  };

  const find = (key: number): Cluster | undefined => {
    const found = clusters.get(key);
    if (found === undefined) return undefined;
    counts.hits += 1;
    if (found instanceof Promise) return found;
    clusters.delete(key);
    clusters.set(key, found);
    return found;
  };

  const settle = (key: number, loading: Promise<Uint8Array>, bytes: Uint8Array | undefined): void => {
    if (clusters.get(key) !== loading) return;
    clusters.delete(key);
    if (bytes === undefined) return;
    clusters.set(key, bytes);
    counts.held += bytes.length;
    evict();
  };

  const open = (digest: string, source: BlockSource): CachedFile => {
    const base = numberOf(digest) * clustersPerFile;
    const { size } = source;
    const lengthOf = (index: number): number => Math.min(clusterSize, size - index * clusterSize);

    /** Starts to read neighbouring clusters, in one go. */
    const load = (first: number, count: number): Promise<Uint8Array>[] => {
      const buffers = Array.from({ length: count }, (_, each) => Buffer.allocUnsafeSlow(lengthOf(first + each)));
      counts.misses += count;
      const done = source.readInto(first * clusterSize, buffers);
      return buffers.map((bytes, each) => {
        const key = base + first + each;
        const loading = done.then(() => bytes);
        clusters.set(key, loading);
        loading.then(
          () => settle(key, loading, bytes),
          () => settle(key, loading, undefined),
        );
        return loading;
      });
    };

    const one = (index: number): Cluster => find(base + index) ?? (load(index, 1)[0] as Promise<Uint8Array>);

    const many = (first: number, last: number): Cluster[] => {
      const found: Cluster[] = [];
      for (let index = first; index <= last;) {
        const there = find(base + index);
        if (there !== undefined) {
          found.push(there);
          index += 1;
          continue;
        }
        let end = index + 1;
        while (end <= last && end - index < mostPerRead && !clusters.has(base + end)) end += 1;
        found.push(...load(index, end - index));
        index = end;
      }
      return found;
    };

    const copy = (cluster: Uint8Array, index: number, offset: number, target: Uint8Array): void => {
      const start = index * clusterSize;
      const from = Math.max(offset, start);
      const to = Math.min(offset + target.length, start + cluster.length);
      target.set(cluster.subarray(from - start, to - start), from - offset);
    };

    const readInto = (offset: number, target: Uint8Array): void | Promise<void> => {
      if (target.length === 0) return undefined;
      const first = Math.floor(offset / clusterSize);
      const waits: Promise<void>[] = [];
      many(first, Math.floor((offset + target.length - 1) / clusterSize)).forEach((cluster, each) => {
        if (cluster instanceof Promise) waits.push(cluster.then((bytes) => copy(bytes, first + each, offset, target)));
        else copy(cluster, first + each, offset, target);
      });
      return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined);
    };

    const read = (offset: number, length: number): Cluster => {
      const index = Math.floor(offset / clusterSize);
      const within = offset - index * clusterSize;
      if (within + length <= clusterSize) {
        const cluster = one(index);
        if (cluster instanceof Promise) return cluster.then((bytes) => bytes.subarray(within, within + length));
        return cluster.subarray(within, within + length);
      }
      const target = Buffer.allocUnsafeSlow(length);
      const wait = readInto(offset, target);
      return wait instanceof Promise ? wait.then(() => target) : target;
    };

    return { size, read, readInto };
  };

  return {
    open,
    get bytes() {
      return counts.held;
    },
    get hits() {
      return counts.hits;
    },
    get misses() {
      return counts.misses;
    },
  };
}
