import { createFrequency } from './frequency.js';
import { targetOf, type BlockSource } from './types.js';
import { settle } from './view.js';

/** A file whose content never changes, read through a cache. */
export interface CachedFile {
  readonly size: number;
  /** What is in the cache is given at once. Must not be changed. */
  read(offset: number, length: number, into?: Uint8Array): Uint8Array | Promise<Uint8Array>;
  readInto(offset: number, target: Uint8Array): void | Promise<void>;
}

export interface ClusterCache {
  /** Files with the same digest share what is cached, so they must have the same content. */
  open(digest: string, source: BlockSource): CachedFile;
  /** Bytes held, with those on their way: never more than the limit. */
  readonly bytes: number;
  /** Clusters found in the cache, and clusters that were not. */
  readonly hits: number;
  readonly misses: number;
  /** Bytes asked of files. */
  readonly readBytes: number;
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

/** Clusters that are read into the cache in one go. */
const mostPerRead = 16;

/** Which clusters are in memory, by their key, and which of them stay. */
function createKept(limit: number, clusterSize: number) {
  const clusters = new Map<number, Cluster>();
  const counts = { held: 0, hits: 0 };
  /** Clusters of which something is being read that is not kept, with the number of such reads. */
  const passing = new Map<number, number>();
  const frequency = createFrequency(Math.ceil(limit / clusterSize));

  /** Marks it as used just now. */
  const find = (key: number): Cluster | undefined => {
    frequency.touch(key);
    const found = clusters.get(key);
    if (found === undefined) return undefined;
    counts.hits += 1;
    if (found instanceof Promise) return found;
    clusters.delete(key);
    clusters.set(key, found);
    return found;
  };

  /** What may go for this cluster: the least recently used one that is not on its way. */
  const victimFor = (key: number): number | undefined => {
    for (const [oldest, cluster] of clusters) {
      if (cluster instanceof Promise) continue;
      if (passing.has(key)) return oldest;
      return frequency.of(key) > frequency.of(oldest) + 1 ? oldest : undefined;
    }
    return undefined;
  };

  /** Makes room for a cluster; false when it is not to be kept. */
  const reserve = (key: number, length: number): boolean => {
    while (counts.held + length > limit) {
      const victim = victimFor(key);
      if (victim === undefined) return false;
      counts.held -= (clusters.get(victim) as Uint8Array).length;
      clusters.delete(victim);
    }
    counts.held += length;
    return true;
  };

  const hasRoom = (key: number, length: number): boolean =>
    counts.held + length <= limit || victimFor(key) !== undefined;

  const loaded = (key: number, bytes: Uint8Array, isRead: boolean): void => {
    clusters.delete(key);
    if (isRead) clusters.set(key, bytes);
    else counts.held -= bytes.length;
  };

  /** Marks clusters as read without being kept, until what it returns is called. */
  const passBy = (first: number, last: number): (() => void) => {
    for (let key = first; key <= last; key++) passing.set(key, (passing.get(key) ?? 0) + 1);
    return () => {
      for (let key = first; key <= last; key++) {
        const others = (passing.get(key) ?? 1) - 1;
        if (others === 0) passing.delete(key);
        else passing.set(key, others);
      }
    };
  };

  return { clusters, passBy, frequency, counts, find, hasRoom, reserve, loaded };
}

/**
 * Keeps clusters of base images, whoever reads them. A cluster that is being read is waited for, so that a hundred disks that want the same one cost
 * one read. While there is room, all that is read is kept. Then a cluster takes the place of the one that was used least recently if it was asked
 * for twice more at least (after TinyLFU, Einziger and Friedman 2014), or when two want it at the same time; otherwise just the bytes asked for are
 * read, and the cache stays as it is. So a board that reads through gigabytes does not push out what a hundred boards boot from, and costs no more
 * than a read of the file.
 */
export function createClusterCache({ bytes: limit, clusterSize = 65536 }: ClusterCacheOptions): ClusterCache {
  const { clusters, passBy, frequency, find, hasRoom, reserve, loaded, ...kept } = createKept(limit, clusterSize);
  const files = new Map<string, number>();
  const counts = { misses: 0, readBytes: 0 };

  const numberOf = (digest: string): number => {
    const known = files.get(digest);
    if (known !== undefined) return known;
    files.set(digest, files.size + 1);
    return files.size;
  };

  const open = (digest: string, source: BlockSource): CachedFile => {
    const base = numberOf(digest) * clustersPerFile;
    const { size } = source;
    const lengthOf = (index: number): number => Math.min(clusterSize, size - index * clusterSize);

    const readFile = (offset: number, target: Uint8Array | readonly Uint8Array[], length: number): Promise<void> => {
      counts.readBytes += length;
      return source.readInto(offset, target);
    };

    /** Starts to read neighbouring clusters, for which there is room, in one go. */
    const load = (first: number, count: number): Promise<Uint8Array>[] => {
      const buffers = Array.from({ length: count }, (_, each) => Buffer.allocUnsafeSlow(lengthOf(first + each)));
      const length = buffers.reduce((sum, bytes) => sum + bytes.length, 0);
      const done = readFile(first * clusterSize, count === 1 ? (buffers[0] as Uint8Array) : buffers, length);
      return buffers.map((bytes, each) => {
        const key = base + first + each;
        const loading = done.then(() => bytes);
        clusters.set(key, loading);
        loading.then(
          () => loaded(key, bytes, true),
          () => loaded(key, bytes, false),
        );
        return loading;
      });
    };

    const keeps = (index: number): boolean => reserve(base + index, lengthOf(index));

    const readNow = (offset: number, target: Uint8Array): boolean => {
      if (source.readNow?.(offset, target) !== true) return false;
      counts.readBytes += target.length;
      return true;
    };

    /** Reads what is not kept. */
    const pass = (offset: number, target: Uint8Array): Cluster =>
      readNow(offset, target) ? target : passLater(offset, target);

    const passLater = (offset: number, target: Uint8Array): Promise<Uint8Array> => {
      const first = base + Math.floor(offset / clusterSize);
      const last = base + Math.floor((offset + target.length - 1) / clusterSize);
      const leave = passBy(first, last);
      return readFile(offset, target, target.length).then(
        () => {
          leave();
          return target;
        },
        (error: unknown) => {
          leave();
          throw error;
        },
      );
    };

    const readMissing = (index: number, offset: number, length: number, into: Uint8Array | undefined): Cluster => {
      counts.misses += 1;
      if (!keeps(index)) return pass(offset, targetOf(length, into));
      const within = offset - index * clusterSize;
      const loading = load(index, 1)[0] as Promise<Uint8Array>;
      return loading.then((bytes) => bytes.subarray(within, within + length));
    };

    /** The part of a request that falls on these clusters. */
    const partOf = (
      first: number,
      end: number,
      offset: number,
      target: Uint8Array,
    ): { at: number; part: Uint8Array } => {
      const from = Math.max(offset, first * clusterSize);
      const to = Math.min(offset + target.length, end * clusterSize);
      return { at: from, part: target.subarray(from - offset, to - offset) };
    };

    const copy = (cluster: Uint8Array, index: number, offset: number, target: Uint8Array): void => {
      const { at, part } = partOf(index, index + 1, offset, target);
      const within = at - index * clusterSize;
      part.set(cluster.subarray(within, within + part.length));
    };

    /** How many clusters from this one on, before `end`, are missing and all to be kept, or all not. */
    const runOf = (first: number, end: number): { count: number; isKept: boolean } => {
      const isKept = keeps(first);
      let count = 1;
      while (first + count < end && count < mostPerRead && !clusters.has(base + first + count)) {
        const next = first + count;
        if (isKept ? !keeps(next) : hasRoom(base + next, lengthOf(next))) break;
        frequency.touch(base + next);
        count += 1;
      }
      counts.misses += count;
      return { count, isKept };
    };

    const readInto = (offset: number, target: Uint8Array): void | Promise<void> => {
      if (target.length === 0) return undefined;
      const end = Math.floor((offset + target.length - 1) / clusterSize) + 1;
      const waits: Promise<void>[] = [];
      const take = (cluster: Cluster, index: number): void => {
        if (cluster instanceof Promise) waits.push(cluster.then((bytes) => copy(bytes, index, offset, target)));
        else copy(cluster, index, offset, target);
      };
      for (let index = Math.floor(offset / clusterSize); index < end;) {
        const there = find(base + index);
        if (there !== undefined) {
          take(there, index);
          index += 1;
          continue;
        }
        const { count, isKept } = runOf(index, end);
        const first = index;
        if (isKept) load(first, count).forEach((cluster, each) => take(cluster, first + each));
        else {
          const { at, part } = partOf(first, first + count, offset, target);
          const passed = pass(at, part);
          if (passed instanceof Promise) waits.push(passed.then(() => undefined));
        }
        index += count;
      }
      if (waits.length < 2) return waits[0];
      return settle(waits);
    };

    const read = (offset: number, length: number, into?: Uint8Array): Cluster => {
      const index = Math.floor(offset / clusterSize);
      const within = offset - index * clusterSize;
      if (within + length <= clusterSize) {
        const cluster = find(base + index);
        if (cluster === undefined) return readMissing(index, offset, length, into);
        if (cluster instanceof Promise) return cluster.then((bytes) => bytes.subarray(within, within + length));
        return cluster.subarray(within, within + length);
      }
      const target = targetOf(length, into);
      const wait = readInto(offset, target);
      return wait instanceof Promise ? wait.then(() => target) : target;
    };

    return { size, read, readInto };
  };

  return {
    open,
    get bytes() {
      return kept.counts.held;
    },
    get hits() {
      return kept.counts.hits;
    },
    get misses() {
      return counts.misses;
    },
    get readBytes() {
      return counts.readBytes;
    },
  };
}
