import { ImageError } from '../errors.js';
import type { Extent } from '../source.js';
import { requireSound, type Active, type Qcow2Environment } from './active.js';
import { flatten, type FlattenOptions } from './flatten.js';
import { readHeader } from './header.js';
import { requireBelow, type Layer } from './layer.js';
import { openActive, type Recovery } from './open.js';
import { reclaim } from './reclaim.js';
import { createRequests } from './requests.js';
import { resize, type ResizeOptions } from './resize.js';
import { snapshot, type SnapshotOptions } from './snapshot.js';
import { finish, requireDepth, requireOpen, type DiskState } from './state.js';
import type { BlockFile, BlockStatus, DiskView } from './types.js';
import { discardClusters, movesClusters, writeInPlace, writeMoving, zeroPart } from './write.js';
import { zeros } from './zeros.js';

export interface OpenQcow2Options {
  /** The overlay. Nobody else may write to it. The disk does not close it. */
  file: BlockFile;
  /**
   * The redo log of the overlay: any file of its own, which may be empty. Without one every change that allocates clusters waits until it is
   * durable.
   */
  log?: BlockFile;
  /** Frozen overlays below it, the uppermost first. */
  layers?: readonly Layer[];
  /** What lies below all overlays, such as `rawView` of an SD-card image; undefined for an empty disk. */
  base?: DiskView;
  environment: Qcow2Environment;
}

export interface WriteOptions {
  /** Durable when it resolves. */
  fua?: boolean;
}

export interface ZeroOptions extends WriteOptions {
  /** Keep room for the stretch, so that later writes find it. */
  noHole?: boolean;
}

export interface DiskStats {
  /** Bytes of the overlay's file that are in use, tables included. */
  used: number;
  /** Free bytes in the file that are not holes yet. */
  stale: number;
  /** Changes of tables that the next flush makes durable. */
  pending: number;
  /** Frozen overlays below. */
  layers: number;
}

/**
 * A disk that can be written to: an overlay over frozen ones and a base. What a `write`, `writeZeroes` or `trim` has resolved survives the end
 * of the process; what a `flush` has resolved survives a power cut. Offsets and lengths are bytes; what does not lie within the disk is refused
 * with `image.qcow2.range`. Any number of calls may be under way at once.
 */
export interface Qcow2Disk extends DiskView {
  write(offset: number, bytes: Uint8Array, options?: WriteOptions): Promise<void>;
  writeZeroes(offset: number, length: number, options?: ZeroOptions): Promise<void>;
  /** Whether making this stretch zero costs less than writing it: some whole cluster is in it, or it is known to be zero. */
  zeroesFast(offset: number, length: number): boolean;
  /** Whole clusters of the stretch read as zeros afterwards and take no space; parts of clusters stay as they are. */
  trim(offset: number, length: number, options?: WriteOptions): Promise<void>;
  /** Makes everything durable that had been answered before. */
  flush(): Promise<void>;
  /** Changes the size, a multiple of 512. What is added reads as zeros. Throws `image.qcow2.shrink` unless nothing is lost. */
  resize(size: number, options?: ResizeOptions): Promise<void>;
  /** Freezes the overlay as it is and goes on in a new one above it. */
  snapshot(options: SnapshotOptions): Promise<Layer>;
  /** Copies what frozen overlays hold, so that the disk does not need them any more. Returns those it has let go. */
  flatten(options: FlattenOptions): Promise<Layer[]>;
  /** Makes holes of all free clusters. Of long stretches that happens by itself, when there are many and when the disk is closed. Returns bytes given back. */
  reclaim(): Promise<number>;
  /** Waits for changes and reads under way, flushes, and leaves the image as a clean one. Later calls are refused with `image.qcow2.closed`. */
  close(): Promise<void>;
  readonly recovery: Recovery;
  stats(): DiskStats;
}

/** Free bytes from which on a flush makes holes of the longest stretches, unasked. */
const reclaimAt = 64 * 1024 * 1024;

/** Opens a disk, after checking all of its overlay. Throws `image.qcow2.*`. */
export async function openQcow2(options: OpenQcow2Options): Promise<Qcow2Disk> {
  const { file, log, layers = [], base, environment } = options;
  requireDepth(layers.length);
  const below = layers[0]?.view ?? base;
  requireBelow(await readHeader(file), below);
  const { active, recovery } = await openActive({ ...environment, file, log, below });
  const requests = createRequests(active.geometry.clusterSize);
  return createDisk({ active, layers: [...layers], base, requests, environment, closed: undefined }, recovery);
}

function createDisk(state: DiskState, recovery: Recovery): Qcow2Disk {
  const requireRange = (offset: number, length: number): void => {
    const { size } = state.active.view;
    requireOpen(state);
    if (offset >= 0 && length >= 0 && offset + length <= size && Number.isSafeInteger(offset + length)) return;
    throw outside(offset, length, size);
  };

  const change = async (
    { offset, length }: Extent,
    options: WriteOptions | undefined,
    moves: () => boolean,
    work: (active: Active, moves: boolean) => Promise<void>,
  ): Promise<void> => {
    requireRange(offset, length);
    requireSound(state.active);
    if (length > 0) {
      await state.requests.run({ start: offset, end: offset + length }, moves, (doesMove) => {
        const { active } = state;
        const { size } = active.view;
        // The disk may have become smaller while this waited.
        if (offset + length > size) return Promise.reject(outside(offset, length, size));
        return work(active, doesMove).then(active.checkpoints.wrote);
      });
    }
    if (options?.fua === true) await state.active.checkpoints.flush();
  };

  const whole = async <T>(work: () => Promise<T>): Promise<T> => {
    requireOpen(state);
    requireSound(state.active);
    return state.requests.run({ start: 0, end: Infinity }, always, work);
  };

  return {
    get size() {
      return state.active.view.size;
    },
    read: (offset, length, into) => {
      requireRange(offset, length);
      return state.active.view.read(offset, length, into);
    },
    readInto: (offset, target) => {
      requireRange(offset, target.length);
      return state.active.view.readInto(offset, target);
    },
    status: (offset, length, limit): BlockStatus[] | Promise<BlockStatus[]> => {
      requireRange(offset, length);
      return state.active.view.status(offset, length, limit);
    },
    knownZero: (offset, length) => state.active.view.knownZero(offset, length),
    fromBase: (offset, length) => {
      requireRange(offset, length);
      return state.active.view.fromBase(offset, length);
    },
    write: (offset, bytes, options) =>
      change(
        { offset, length: bytes.length },
        options,
        () => movesClusters(state.active, offset, offset + bytes.length),
        (active, moves) => (moves ? writeMoving(active, offset, bytes) : writeInPlace(active, offset, bytes)),
      ),
    writeZeroes: (offset, length, options) =>
      change({ offset, length }, options, always, (active) =>
        options?.noHole === true ? writeZeros(active, offset, length) : makeZero(active, offset, length),
      ),
    zeroesFast: (offset, length) => {
      const { first, end } = wholeClusters(state.active, offset, length);
      return first < end || state.active.view.knownZero(offset, length);
    },
    trim: (offset, length, options) =>
      change({ offset, length }, options, always, (active) => {
        const { first, end } = wholeClusters(active, offset, length);
        return discardClusters(active, first, end);
      }),
    flush: async () => {
      requireOpen(state);
      const { active } = state;
      await active.checkpoints.flush();
      if (active.allocator.stale * active.geometry.clusterSize >= reclaimAt) void reclaim(active, 1);
    },
    resize: (size, options) => whole(() => resize(state.active, size, options)),
    snapshot: async (options) => {
      requireOpen(state);
      // What can be done while the disk is in use is.
      await state.active.checkpoints.flush();
      await reclaim(state.active, 4);
      return whole(() => snapshot(state, options));
    },
    flatten: async (options) => {
      requireOpen(state);
      requireSound(state.active);
      return flatten(state, options);
    },
    reclaim: async () => {
      requireOpen(state);
      return reclaim(state.active);
    },
    close: () => {
      state.closed ??= whole(() => finish(state.active)).finally(() => state.active.tables.drop());
      return state.closed;
    },
    recovery,
    stats: () => statsOf(state),
  };
}

const outside = (at: number, length: number, size: number): ImageError =>
  new ImageError('image.qcow2.range', `${length} bytes at ${at} do not lie within the disk of ${size} bytes`, { at });

const always = (): boolean => true;

/** Clusters that lie in a stretch as a whole; the last one of the disk may end with the disk. */
function wholeClusters({ geometry, view }: Active, offset: number, length: number): { first: number; end: number } {
  const { clusterSize } = geometry;
  const end = offset + length;
  const first = Math.ceil(offset / clusterSize);
  return { first, end: end === view.size ? Math.ceil(end / clusterSize) : Math.floor(end / clusterSize) };
}

async function makeZero(active: Active, offset: number, length: number): Promise<void> {
  const { clusterSize } = active.geometry;
  const { first, end } = wholeClusters(active, offset, length);
  if (first > end || (first === end && length > 0)) {
    const edge = Math.min(offset + length, first * clusterSize);
    if (edge > offset) await zeroPart(active, offset, edge);
    if (offset + length > edge) await zeroPart(active, edge, offset + length);
    return;
  }
  if (first * clusterSize > offset) await zeroPart(active, offset, first * clusterSize);
  await discardClusters(active, first, end);
  if (end * clusterSize < offset + length) await zeroPart(active, end * clusterSize, offset + length);
}

/** Zeros as data, in pieces that cost little memory. */
async function writeZeros(active: Active, offset: number, length: number): Promise<void> {
  const most = 1024 * 1024;
  for (let at = offset; at < offset + length;) {
    const piece = Math.min(most - (at % most), offset + length - at);
    await writeMoving(active, at, zeros(piece));
    at += piece;
  }
}

function statsOf({ active, layers }: DiskState): DiskStats {
  const { allocator, geometry, pending } = active;
  return {
    used: allocator.used * geometry.clusterSize,
    stale: allocator.stale * geometry.clusterSize,
    pending: pending.size + (pending.committing?.size ?? 0),
    layers: layers.length,
  };
}
