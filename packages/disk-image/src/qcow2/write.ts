import { ImageError } from '../errors.js';
import type { Active } from './active.js';
import type { Allocation } from './allocator.js';
import { isData, isZero, missing, unallocated, zero, type Mapping } from './format.js';
import type { LogRecord } from './redo-log.js';
import type { DiskView } from './types.js';
import { scratch } from './scratch.js';
import { settle } from './view.js';
import { zeros } from './zeros.js';

/** Mappings that may wait for a checkpoint before one is begun unasked, and before changes wait for it: what bounds memory and the redo log. */
const startCheckpointAt = 16_384;
const waitForCheckpointAt = 65_536;

/** Records that go into the redo log at once. */
const recordsAtOnce = 4096;

/** Whether writing these bytes gives some cluster a place. True as well while tables that would tell are not in memory. */
export function movesClusters({ pending, geometry }: Active, start: number, end: number): boolean {
  const { clusterSize } = geometry;
  for (let cluster = Math.floor(start / clusterSize); cluster * clusterSize < end; cluster++) {
    if (!isData(pending.lookup(cluster))) return true;
  }
  return false;
}

/** Writes over clusters that have their place. */
export function writeInPlace(active: Active, offset: number, bytes: Uint8Array): Promise<void> {
  const { geometry, file, pending } = active;
  const { clusterSize } = geometry;
  const first = Math.floor(offset / clusterSize);
  const last = Math.floor((offset + bytes.length - 1) / clusterSize);
  const mapping = first === last ? pending.lookup(first) : missing;
  if (isData(mapping)) return file.write(mapping * clusterSize + (offset % clusterSize), bytes);
  return writeRuns(active, first, last, offset, bytes);
}

async function writeRuns(
  active: Active,
  first: number,
  last: number,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  await loadTables(active, first, last);
  const writes: Promise<void>[] = [];
  for (let cluster = first; cluster <= last;) {
    const count = runLength(active, cluster, last);
    writes.push(writeRun(active, cluster, count, offset, bytes));
    cluster += count;
  }
  await settle(writes);
}

/** Guest clusters from this one on that lie side by side in the file. */
function runLength({ pending }: Active, cluster: number, last: number): number {
  const host = pending.lookup(cluster);
  let count = 1;
  while (cluster + count <= last && pending.lookup(cluster + count) === host + count) count += 1;
  return count;
}

/** Writes the part of a request that falls on these clusters. */
function writeRun(
  { pending, geometry, file }: Active,
  cluster: number,
  count: number,
  offset: number,
  bytes: Uint8Array,
): Promise<void> {
  const { clusterSize } = geometry;
  const start = Math.max(offset, cluster * clusterSize);
  const end = Math.min(offset + bytes.length, (cluster + count) * clusterSize);
  const place = pending.lookup(cluster) * clusterSize + (start - cluster * clusterSize);
  return file.write(place, bytes.subarray(start - offset, end - offset));
}

async function loadTables({ pending, tables }: Active, first: number, last: number): Promise<void> {
  for (let cluster = first; cluster <= last; cluster++) {
    while (pending.lookup(cluster) === missing) await tables.load(cluster);
  }
}

/** Clusters that are to be given a place. */
interface Placement extends Allocation {
  /** The first guest cluster. */
  cluster: number;
}

/**
 * Writes to clusters of which some have no place yet. Those are filled up with what was there before and written whole, to free clusters;
 * only then do look-ups find them.
 */
export function writeMoving(active: Active, offset: number, bytes: Uint8Array): Promise<void> {
  const { clusterSize } = active.geometry;
  const first = Math.floor(offset / clusterSize);
  const last = Math.floor((offset + bytes.length - 1) / clusterSize);
  return (
    (first === last ? moveOne(active, first, offset, bytes) : undefined) ?? moveMany(active, first, last, offset, bytes)
  );
}

/** The usual case, with few promises. Undefined when it is none: the table is not in memory, or there is no free cluster. */
function moveOne(active: Active, cluster: number, offset: number, bytes: Uint8Array): Promise<void> | undefined {
  const { pending, allocator, geometry } = active;
  const old = pending.lookup(cluster);
  if (old === missing || isData(old)) return undefined;
  const found = allocator.allocate(1);
  if (found === undefined) return undefined;
  const around = scratch.take(geometry.clusterSize);
  const filled = attempt(() => fillPlacement(active, { cluster, ...found }, offset, bytes, around));
  return filled.then(
    () => {
      scratch.give(around);
      return remember(active, [{ cluster, mapping: found.first, old }]);
    },
    (error: unknown) => {
      // Nobody knows whether the file is done with the memory.
      allocator.release([found.first]);
      throw error;
    },
  );
}

/** Work that throws counts as work that rejects. */
function attempt(work: () => Promise<void>): Promise<void> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

async function moveMany(active: Active, first: number, last: number, offset: number, bytes: Uint8Array): Promise<void> {
  await loadTables(active, first, last);
  const placements: Placement[] = [];
  try {
    const inPlace: [cluster: number, count: number][] = [];
    for (let cluster = first; cluster <= last;) {
      if (isData(active.pending.lookup(cluster))) {
        const count = runLength(active, cluster, last);
        inPlace.push([cluster, count]);
        cluster += count;
        continue;
      }
      const placement = { cluster, ...(await allocate(active, withoutPlace(active, cluster, last))) };
      placements.push(placement);
      cluster += placement.count;
    }
    await settle([
      ...inPlace.map(([cluster, count]) => writeRun(active, cluster, count, offset, bytes)),
      ...placements.map((placement) => fillPlacement(active, placement, offset, bytes)),
    ]);
  } catch (error) {
    // Writes to them have ended one way or the other.
    for (const { first: host, count } of placements) active.allocator.release(hostsOf(host, count));
    throw error;
  }
  const changes = changesOf(active, placements);
  if (changes.length > 0) await remember(active, changes);
}

function withoutPlace({ pending }: Active, cluster: number, last: number): number {
  let count = 1;
  while (cluster + count <= last && !isData(pending.lookup(cluster + count))) count += 1;
  return count;
}

function* hostsOf(first: number, count: number): Generator<number> {
  for (let host = first; host < first + count; host++) yield host;
}

/** A cluster that goes elsewhere. Nothing else changes it meanwhile, so what it was before holds even if its table is forgotten. */
interface Change extends LogRecord {
  old: Mapping;
}

function changesOf({ pending }: Active, placements: readonly Placement[]): Change[] {
  const changes: Change[] = [];
  for (const { cluster: start, first, count } of placements) {
    for (let each = 0; each < count; each++) {
      const cluster = start + each;
      changes.push({ cluster, mapping: first + each, old: pending.lookup(cluster) });
    }
  }
  return changes;
}

async function allocate({ allocator, checkpoints }: Active, count: number): Promise<Allocation> {
  const found = allocator.allocate(count);
  if (found !== undefined) return found;
  // Clusters that were freed can be used again after a checkpoint.
  await checkpoints.flush();
  const freed = allocator.allocate(count);
  if (freed !== undefined) return freed;
  throw new ImageError('image.qcow2.full', 'There is no free cluster left in the image', {
    remedy: 'Flush the disk and try again; `drover disk check` shows leaked clusters.',
  });
}

/**
 * Writes new clusters: what was there before in front of the request, the request, and what was there behind it. `memory`: a cluster for what has to be
 * read.
 */
function fillPlacement(
  active: Active,
  placement: Placement,
  offset: number,
  bytes: Uint8Array,
  memory?: Uint8Array,
): Promise<void> {
  const { clusterSize } = active.geometry;
  const start = placement.cluster * clusterSize;
  const end = start + placement.count * clusterSize;
  const range = { start, from: Math.max(start, offset), to: Math.min(end, offset + bytes.length), end };
  const part = bytes.subarray(range.from - offset, range.to - offset);
  const old = oldAround(active, range, memory);
  if (old instanceof Promise) return old.then((found) => writeFilled(active, placement, range, part, found));
  return writeFilled(active, placement, range, part, old);
}

/** A request for new clusters, within them. */
interface Filling {
  readonly start: number;
  readonly from: number;
  readonly to: number;
  readonly end: number;
}

/** What was around it, without zeros. */
interface Around {
  readonly before: readonly Uint8Array[];
  readonly after: readonly Uint8Array[];
}

function writeFilled(
  { file, geometry }: Active,
  { first, clean }: Placement,
  { start, from, to, end }: Filling,
  part: Uint8Array,
  { before, after }: Around,
): Promise<void> {
  let place = first * geometry.clusterSize;
  const pieces: Uint8Array[] = [];
  const add = (piece: Uint8Array): void => {
    if (piece.length > 0) pieces.push(piece);
  };
  if (before.length === 0 && clean) place += from - start;
  else {
    before.forEach(add);
    add(zeros(from - start - lengthOf(before)));
  }
  add(part);
  after.forEach(add);
  if (!clean) add(zeros(end - to - lengthOf(after)));
  return file.write(place, pieces.length === 1 ? part : pieces);
}

const lengthOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);

const nothingAround: Around = { before: [], after: [] };

/** What the disk holds around a request, with one read where both are in one cluster. */
function oldAround(
  active: Active,
  { start, from, to, end }: Filling,
  memory: Uint8Array | undefined,
): Around | Promise<Around> {
  if (from === start && to === end) return nothingAround;
  if (from > start && to < end && end - start === active.geometry.clusterSize) {
    const around = (old: Uint8Array | undefined): Around =>
      old === undefined
        ? nothingAround
        : { before: [old.subarray(0, from - start)], after: [old.subarray(to - start)] };
    const old = oldBytes(active, start, end, memory);
    return old instanceof Promise ? old.then(around) : around(old);
  }
  return oldSides(active, { start, from, to, end });
}

async function oldSides(active: Active, { start, from, to, end }: Filling): Promise<Around> {
  const before = from > start ? await oldBytes(active, start, from) : undefined;
  const after = to < end ? await oldBytes(active, to, end) : undefined;
  return { before: before === undefined ? [] : [before], after: after === undefined ? [] : [after] };
}

/** What the disk holds there, without zeros up to the end; undefined when all is zero. */
function oldBytes(
  { view }: Active,
  start: number,
  end: number,
  memory?: Uint8Array,
): Uint8Array | undefined | Promise<Uint8Array> {
  const to = Math.min(end, view.size);
  return start >= to || view.knownZero(start, to - start) ? undefined : view.read(start, to - start, memory);
}

/** Makes new mappings known, and resolves when the end of the process would not lose them. */
function remember(active: Active, changes: readonly Change[]): Promise<void> {
  const { pending, session } = active;
  for (const { cluster, mapping, old } of changes) pending.set(cluster, mapping, old);
  const recorded = session.record(changes);
  return pending.size < startCheckpointAt ? recorded : recorded.then(() => relieve(active));
}

/** Many mappings wait for a checkpoint. */
async function relieve({ pending, checkpoints }: Active): Promise<void> {
  if (pending.size >= waitForCheckpointAt) await checkpoints.flush();
  else if (pending.size >= startCheckpointAt) checkpoints.flush().catch(() => undefined);
}

/** Makes whole clusters read as zeros, over what lies or will lie below, and frees what they had. */
export async function discardClusters(active: Active, first: number, end: number, below = active.below): Promise<void> {
  const { pending } = active;
  let changes: Change[] = [];
  for (let cluster = first; cluster < end; cluster++) {
    if (pending.lookup(cluster) === missing) await loadTables(active, cluster, cluster);
    const mapping = discarded(active, cluster, below);
    if (mapping === undefined) continue;
    changes.push({ cluster, mapping, old: pending.lookup(cluster) });
    if (changes.length < recordsAtOnce) continue;
    await remember(active, changes);
    changes = [];
  }
  if (changes.length > 0) await remember(active, changes);
}

/** The mapping that a cluster gets when it is discarded; undefined when it stays as it is. */
function discarded({ pending, geometry }: Active, cluster: number, below: DiskView | undefined): Mapping | undefined {
  const start = cluster * geometry.clusterSize;
  const shows = below !== undefined && start < below.size;
  const now = pending.lookup(cluster);
  if (now === zero) return undefined;
  if (now === unallocated) {
    if (!shows || below.knownZero(start, Math.min(geometry.clusterSize, below.size - start))) return undefined;
  }
  return shows ? zero : unallocated;
}

/** Makes a part of one cluster read as zeros. */
export async function zeroPart(active: Active, start: number, end: number): Promise<void> {
  const { pending, geometry, view } = active;
  const cluster = Math.floor(start / geometry.clusterSize);
  await loadTables(active, cluster, cluster);
  const mapping = pending.lookup(cluster);
  if (isData(mapping)) return writeInPlace(active, start, zeros(end - start));
  if (isZero(mapping) || view.knownZero(start, end - start)) return undefined;
  return writeMoving(active, start, zeros(end - start));
}
