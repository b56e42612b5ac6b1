import { ClusterSet, type ClusterRun } from './cluster-set.js';
import type { Geometry } from './format.js';
import { countsPerSector } from './refcounts.js';

/** Clusters that were free. */
export interface Allocation extends ClusterRun {
  /** They are a hole in the file: what is not written reads as zeros. */
  clean: boolean;
}

/**
 * Which clusters of the file are free. A cluster that is no longer used comes back through `release`, which the caller may only do when no
 * durable table, no redo log and no read that is under way knows it any more.
 */
export interface Allocator {
  /** Up to `count` clusters side by side; undefined when none is free. */
  allocate(count: number): Allocation | undefined;
  release(hosts: Iterable<number>): void;
  /** Notes that clusters are used, for example by a redo log. */
  claim(hosts: Iterable<number>): void;
  /** Takes free clusters that hold old bytes out of use, to make holes of them: at most `most` stretches, long ones first. */
  takeStale(most: number): ClusterRun[];
  /** Gives back what `takeStale` gave, as holes or, when that failed, as they were. */
  returnStale(runs: readonly ClusterRun[], clean: boolean): void;
  /** Free clusters with old bytes. */
  readonly stale: number;
  /** Lowers counts in the file: of clusters that are free to 0, and of those in use to 1. */
  recount(hosts: Iterable<number>): void;
  /** Forgets free clusters behind the last one in use. Returns the new `end`. */
  cutTail(): number;
  /** Clusters in use. */
  readonly used: number;
  /** The first cluster behind all that were ever used. */
  readonly end: number;
  /** Clusters up to which there are refcount blocks. */
  limit: number;
  /** Sets the reference counts that the file shall have: 1 for each of these. */
  count(hosts: Iterable<number>): void;
  /** Sectors of refcount blocks, by number, whose bytes in the file are not those of `counted`. Forgets them. */
  takeDirtySectors(): number[];
  /** Notes again sectors that could not be written. */
  putDirtySectors(sectors: Iterable<number>): void;
  /** Clusters whose reference count is 1. */
  readonly counted: ClusterSet;
}

export interface AllocatorState {
  used: ClusterSet;
  counted: ClusterSet;
  /** First cluster that was never used. */
  end: number;
  limit: number;
  /** Whether holes can be made. Otherwise reference counts are lowered as soon as a cluster is free. */
  punches: boolean;
}

export function createAllocator(state: AllocatorState, geometry: Geometry): Allocator {
  const { used, counted, punches } = state;
  const stale = new ClusterSet();
  const clean = new ClusterSet();
  const dirty = new Set<number>();
  const perSector = countsPerSector(geometry);
  let { end, limit } = state;
  /** Below this nothing is free. */
  let hint = 0;

  const take = (first: number, count: number): Allocation => {
    const isClean = clean.has(first);
    let length = 0;
    while (length < count && first + length < end) {
      const host = first + length;
      if (used.has(host) || clean.has(host) !== isClean) break;
      used.add(host);
      clean.delete(host);
      stale.delete(host);
      length += 1;
    }
    hint = first + length;
    return { first, count: length, clean: isClean };
  };

  const takeFresh = (wanted: number): Allocation | undefined => {
    const count = Math.min(wanted, limit - end);
    if (count <= 0) return undefined;
    const first = end;
    used.addRun(first, count);
    end += count;
    return { first, count, clean: true };
  };

  /** Lowers reference counts, in memory; a later checkpoint writes them. */
  const uncount = (host: number): void => {
    if (counted.delete(host)) dirty.add(Math.floor(host / perSector));
  };

  return {
    allocate: (count) => {
      if (used.size < end) {
        const first = used.nextAbsent(hint, end);
        if (first < end) return take(first, count);
        hint = end;
      }
      return takeFresh(count);
    },
    release: (hosts) => {
      for (const host of hosts) {
        if (!used.delete(host)) continue;
        hint = Math.min(hint, host);
        if (punches) stale.add(host);
        else uncount(host);
      }
    },
    claim: (hosts) => {
      for (const host of hosts) {
        used.add(host);
        clean.delete(host);
        stale.delete(host);
        end = Math.max(end, host + 1);
      }
    },
    takeStale: (most) => {
      const runs = [...stale.runs(end)].sort((a, b) => b.count - a.count).slice(0, most);
      for (const { first, count } of runs) {
        for (let host = first; host < first + count; host++) {
          stale.delete(host);
          used.add(host);
        }
      }
      return runs;
    },
    returnStale: (runs, areClean) => {
      for (const { first, count } of runs) {
        hint = Math.min(hint, first);
        for (let host = first; host < first + count; host++) {
          used.delete(host);
          if (areClean) clean.add(host);
          uncount(host);
        }
      }
    },
    recount: (hosts) => {
      for (const host of hosts) {
        dirty.add(Math.floor(host / perSector));
        if (used.has(host)) continue;
        counted.delete(host);
        // A count may have become durable without the cluster, which then lies behind the end of the file.
        if (punches && host < end) stale.add(host);
      }
    },
    cutTail: () => {
      while (end > 0 && !used.has(end - 1)) {
        end -= 1;
        stale.delete(end);
        clean.delete(end);
      }
      hint = Math.min(hint, end);
      return end;
    },
    get stale() {
      return stale.size;
    },
    get used() {
      return used.size;
    },
    get end() {
      return end;
    },
    get limit() {
      return limit;
    },
    set limit(value) {
      limit = value;
    },
    count: (hosts) => {
      for (const host of hosts) if (counted.add(host)) dirty.add(Math.floor(host / perSector));
    },
    takeDirtySectors: () => {
      const sectors = [...dirty].sort((a, b) => a - b);
      dirty.clear();
      return sectors;
    },
    putDirtySectors: (sectors) => {
      for (const sector of sectors) dirty.add(sector);
    },
    counted,
  };
}
