const chunkBits = 15;
const chunkEntries = 2 ** chunkBits;
const chunkWords = chunkEntries / 32;
const full = 0xffff_ffff;

/** A stretch of clusters. */
export interface ClusterRun {
  first: number;
  count: number;
}

/** A set of cluster numbers: a bit each, in chunks of 4 KiB that are there only when something is in them. */
export class ClusterSet {
  private readonly chunks = new Map<number, Uint32Array>();
  /** How many are in the set. */
  size = 0;

  has(cluster: number): boolean {
    const chunk = this.chunks.get(Math.floor(cluster / chunkEntries));
    if (chunk === undefined) return false;
    const bit = cluster % chunkEntries;
    return (((chunk[bit >>> 5] as number) >>> (bit & 31)) & 1) === 1;
  }

  /** False when it was there already. */
  add(cluster: number): boolean {
    const index = Math.floor(cluster / chunkEntries);
    let chunk = this.chunks.get(index);
    if (chunk === undefined) {
      chunk = new Uint32Array(chunkWords);
      this.chunks.set(index, chunk);
    }
    const bit = cluster % chunkEntries;
    const word = chunk[bit >>> 5] as number;
    const mask = (1 << (bit & 31)) >>> 0;
    if ((word & mask) !== 0) return false;
    chunk[bit >>> 5] = (word | mask) >>> 0;
    this.size += 1;
    return true;
  }

  /** False when it was not there. */
  delete(cluster: number): boolean {
    const chunk = this.chunks.get(Math.floor(cluster / chunkEntries));
    const bit = cluster % chunkEntries;
    const word = chunk?.[bit >>> 5] ?? 0;
    const mask = (1 << (bit & 31)) >>> 0;
    if (chunk === undefined || (word & mask) === 0) return false;
    chunk[bit >>> 5] = (word & ~mask) >>> 0;
    this.size -= 1;
    return true;
  }

  addRun(first: number, count: number): void {
    for (let at = first; at < first + count; at++) this.add(at);
  }

  /** The first number from `from` up to and without `limit` that is not in the set; `limit` when all are. */
  nextAbsent(from: number, limit: number): number {
    let at = from;
    while (at < limit) {
      const chunk = this.chunks.get(Math.floor(at / chunkEntries));
      if (chunk === undefined) return at;
      const bit = at % chunkEntries;
      const word = (chunk[bit >>> 5] as number) >>> (bit & 31);
      if (word === full >>> (bit & 31)) {
        at += 32 - (bit & 31);
        continue;
      }
      return Math.min(limit, at + lowestBit(~word));
    }
    return limit;
  }

  /** The first number from `from` up to and without `limit` that is in the set; `limit` when none is. */
  nextPresent(from: number, limit: number): number {
    let at = from;
    while (at < limit) {
      const chunk = this.chunks.get(Math.floor(at / chunkEntries));
      const bit = at % chunkEntries;
      if (chunk === undefined) {
        at += chunkEntries - bit;
        continue;
      }
      const word = (chunk[bit >>> 5] as number) >>> (bit & 31);
      if (word === 0) at += 32 - (bit & 31);
      else return Math.min(limit, at + lowestBit(word));
    }
    return limit;
  }

  /** A number above all in the set. */
  get limit(): number {
    return (Math.max(-1, ...this.chunks.keys()) + 1) * chunkEntries;
  }

  /** What is in the set, as stretches in order. */
  *runs(limit = this.limit): Generator<ClusterRun> {
    for (let first = this.nextPresent(0, limit); first < limit;) {
      const end = this.nextAbsent(first, limit);
      yield { first, count: end - first };
      first = this.nextPresent(end, limit);
    }
  }
}

const lowestBit = (word: number): number => 31 - Math.clz32(word & -word);

/** All the clusters of these stretches. */
export function* clustersOf(runs: Iterable<ClusterRun>): Generator<number> {
  for (const { first, count } of runs) for (let at = first; at < first + count; at++) yield at;
}
