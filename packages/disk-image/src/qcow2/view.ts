import { bufferOf } from '../bytes.js';
import { inflateCluster } from './compressed.js';
import { isData, isZero, missing, unallocated, type L2Entry } from './format.js';
import { resolve, type Lookup, type Segment } from './segments.js';
import { readSoon, targetOf, type BlockSource, type BlockStatus, type DiskView } from './types.js';
import { zeros } from './zeros.js';

/** An image whose clusters are found through tables. */
export interface Mapped extends Lookup {
  readonly size: number;
  readonly clusterSize: number;
  readonly file: BlockSource;
  /** What shows through where the image has nothing. */
  readonly below: DiskView | undefined;
  entry(cluster: number): Promise<L2Entry>;
  /** Keeps clusters that a read may be looking at from being used anew, until `leave` is called with what `enter` gave. */
  enter(): number;
  leave(ticket: number): void;
}

interface Range {
  from: number;
  readonly to: number;
}

type Below = DiskView | undefined;
type Into = Uint8Array | undefined;

/** Reads a mapped image. */
export function createView(image: Mapped): DiskView {
  const { clusterSize } = image;

  /** Calls `leave` when the work is done, which is now or later. What lies below stays the same for all of it. */
  const guarded = <T>(work: (below: Below) => T | Promise<T>): T | Promise<T> => {
    const ticket = image.enter();
    let result: T | Promise<T>;
    try {
      result = work(image.below);
    } catch (error) {
      image.leave(ticket);
      throw error;
    }
    if (!(result instanceof Promise)) {
      image.leave(ticket);
      return result;
    }
    // Each read passes here, and `finally` costs four promises.
    return result.then(
      (value) => {
        image.leave(ticket);
        return value;
      },
      (error: unknown) => {
        image.leave(ticket);
        throw error;
      },
    );
  };

  const segmentsOf = (below: Below, offset: number, length: number): Segment[] | Promise<Segment[]> => {
    const segments: Segment[] = [];
    const range = { from: offset, to: offset + length };
    range.from = resolve(image, clusterSize, below, range, segments);
    return range.from === range.to ? segments : loadAndResolve(below, range, segments, Infinity);
  };

  const loadAndResolve = async (below: Below, range: Range, segments: Segment[], limit: number): Promise<Segment[]> => {
    while (range.from < range.to && segments.length < limit) {
      await image.load(Math.floor(range.from / clusterSize));
      range.from = resolve(image, clusterSize, below, range, segments, limit);
    }
    return segments;
  };

  const fill = (below: Below, segment: Segment, target: Uint8Array): void | Promise<void> => {
    switch (segment.from) {
      case 'file':
        return readSoon(image.file, segment.place, target);
      case 'below':
        return (below as DiskView).readInto(segment.offset, target);
      case 'zero':
        target.fill(0);
        return undefined;
      case 'compressed':
        return inflateInto(segment, target);
    }
  };

  const inflateInto = async ({ offset }: Segment, target: Uint8Array): Promise<void> => {
    const entry = await image.entry(Math.floor(offset / clusterSize));
    const bytes = await inflateCluster(image.file, entry, clusterSize);
    target.set(bytes.subarray(offset % clusterSize, (offset % clusterSize) + target.length));
  };

  const fillAll = (
    below: Below,
    segments: readonly Segment[],
    start: number,
    target: Uint8Array,
  ): void | Promise<void> => {
    const waits: Promise<void>[] = [];
    for (const segment of segments) {
      const at = segment.offset - start;
      const wait = fill(below, segment, target.subarray(at, at + segment.length));
      if (wait instanceof Promise) waits.push(wait);
    }
    return waits.length === 0 ? undefined : settle(waits);
  };

  const gather = (
    below: Below,
    segments: readonly Segment[],
    offset: number,
    length: number,
    into: Into,
  ): Uint8Array | Promise<Uint8Array> => {
    const [only] = segments;
    if (only !== undefined && segments.length === 1) {
      if (only.from === 'zero') return zeros(length);
      if (only.from === 'below') return (below as DiskView).read(offset, length, into);
    }
    const target = targetOf(length, into);
    const wait = fillAll(below, segments, offset, target);
    return wait instanceof Promise ? wait.then(() => target) : target;
  };

  const readMany = (below: Below, offset: number, length: number, into: Into): Uint8Array | Promise<Uint8Array> => {
    const segments = segmentsOf(below, offset, length);
    if (segments instanceof Promise) return segments.then((found) => gather(below, found, offset, length, into));
    return gather(below, segments, offset, length, into);
  };

  /** Most reads lie within one cluster. */
  const readOne = (below: Below, offset: number, length: number, into: Into): Uint8Array | Promise<Uint8Array> => {
    const mapping = image.lookup(Math.floor(offset / clusterSize));
    if (isData(mapping)) {
      const target = targetOf(length, into);
      const wait = readSoon(image.file, mapping * clusterSize + (offset % clusterSize), target);
      return wait instanceof Promise ? wait.then(() => target) : target;
    }
    if (isZero(mapping)) return zeros(length);
    if (mapping === unallocated && below !== undefined && offset + length <= below.size)
      return below.read(offset, length, into);
    return readMany(below, offset, length, into);
  };

  return {
    get size() {
      return image.size;
    },
    read: (offset, length, into) =>
      guarded((below) => {
        const isOne = (offset % clusterSize) + length <= clusterSize;
        return isOne ? readOne(below, offset, length, into) : readMany(below, offset, length, into);
      }),
    readInto: (offset, target) =>
      guarded((below) => {
        const segments = segmentsOf(below, offset, target.length);
        if (segments instanceof Promise) return segments.then((found) => fillAll(below, found, offset, target));
        return fillAll(below, segments, offset, target);
      }),
    status: (offset, length, limit) =>
      guarded(async (below) => {
        const found: BlockStatus[] = [];
        const range = { from: offset, to: offset + length };
        while (range.from < range.to && found.length <= limit) {
          const segments = await loadAndResolve(below, range, [], segmentsAtOnce);
          if (!(await addStatus(found, segments, below, limit))) break;
        }
        return found.slice(0, limit);
      }),
    fromBase: (offset, length) =>
      guarded(async (below) => {
        if (below === undefined || offset + length > below.size) return false;
        return (await isBelow(image, below, offset, length)) && below.fromBase(offset, length);
      }),
    knownZero: (offset, length) => {
      const { below } = image;
      const segments: Segment[] = [];
      const range = { from: offset, to: offset + length };
      if (resolve(image, clusterSize, below, range, segments) !== range.to) return false;
      return segments.every(({ from, offset: at, length: bytes }) => {
        if (from === 'below') return (below as DiskView).knownZero(at, bytes);
        return from === 'zero';
      });
    },
  };
}

/** Whether the image itself holds nothing of a range. */
async function isBelow(image: Mapped, below: DiskView, offset: number, length: number): Promise<boolean> {
  const { clusterSize } = image;
  const range = { from: offset, to: offset + length };
  const segments: Segment[] = [];
  while (range.from < range.to) {
    range.from = resolve(image, clusterSize, below, range, segments, 1);
    if (segments.some(({ from }) => from !== 'below')) return false;
    if (range.from === range.to) break;
    const cluster = Math.floor(range.from / clusterSize);
    if (image.lookup(cluster) !== missing) return false;
    await image.load(cluster);
  }
  return true;
}

/** Waits for all, also when one fails: nothing may still be writing into memory that the caller takes back. */
export async function settle(waits: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(waits)) if (result.status === 'rejected') throw result.reason;
}

/** Stretches that are looked up before what they are is told. */
const segmentsAtOnce = 256;

/** Adds what is known of stretches. False when what lies below has told less than it was asked for. */
async function addStatus(
  found: BlockStatus[],
  segments: readonly Segment[],
  below: Below,
  limit: number,
): Promise<boolean> {
  for (const { from, offset, length, reserved } of segments) {
    if (from !== 'below') {
      append(found, { offset, length, zero: from === 'zero', hole: from === 'zero' && !reserved });
      continue;
    }
    const parts = await (below as DiskView).status(offset, length, limit + 1);
    for (const part of parts) append(found, part);
    const end = parts.at(-1);
    if (end === undefined || end.offset + end.length < offset + length) return false;
  }
  return true;
}

/** Adds a stretch, as part of the last one when they are alike. */
export function append(found: BlockStatus[], next: BlockStatus): void {
  const last = found.at(-1);
  if (last !== undefined && last.zero === next.zero && last.hole === next.hole) last.length += next.length;
  else found.push({ ...next });
}

/** Bytes as a Buffer of their own. */
export const copyOf = (bytes: Uint8Array): Buffer => Buffer.from(bufferOf(bytes));
