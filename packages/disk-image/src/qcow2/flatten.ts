import { ImageError } from '../errors.js';
import type { Active } from './active.js';
import { unallocated } from './format.js';
import { freeSlot, requireBackingName, type BackingName } from './header.js';
import type { Layer } from './layer.js';
import { requireOpen, type DiskState } from './state.js';
import type { DiskView } from './types.js';
import { discardClusters, writeMoving } from './write.js';
import { isAllZero } from './zeros.js';

export interface CopyProgress {
  /** Bytes of the disk that are done. */
  done: number;
  total: number;
}

export interface FlattenOptions {
  /** `base`: copy what frozen overlays hold and stay on the base. `nothing`: copy the base as well. */
  onto: 'base' | 'nothing';
  /** What the image calls the base; needed to stay on one. */
  backing?: Required<BackingName>;
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
  /** Called once the overlay has let go of what it lay on, before anything else may happen to the disk. Must not throw. */
  onRebased?: () => void;
}

/** Bytes copied under one lock: what a write of the guest may have to wait for. */
const chunkSize = 1024 * 1024;

/**
 * Copies what lies below into the overlay while the disk is in use, then lets go of it. When it is cancelled the disk is as good as before, and
 * what was copied need not be copied again.
 */
export async function flatten(state: DiskState, options: FlattenOptions): Promise<Layer[]> {
  const { active, layers } = state;
  const dropped = [...layers];
  const keep = options.onto === 'base' ? state.base : undefined;
  requireName(options, keep);
  const source: CopySource = {
    view: active.view,
    layers: dropped,
    base: keep === undefined ? state.base : undefined,
    keep,
  };
  const step = Math.max(chunkSize, active.geometry.clusterSize);
  const total = active.view.size;
  for (let at = 0; at < total; at += step) {
    options.signal?.throwIfAborted();
    const end = Math.min(total, at + step);
    await state.requests.run({ start: at, end }, always, () => {
      requireSame(state, active);
      // The disk may have become smaller.
      return copyChunk(active, source, at, Math.min(end, active.view.size));
    });
    active.checkpoints.wrote();
    options.onProgress?.({ done: end, total });
  }
  await state.requests.run({ start: 0, end: Infinity }, always, async () => {
    requireSame(state, active);
    await active.checkpoints.flush();
    await rebase(active, keep === undefined ? undefined : options.backing);
    active.below = keep;
    state.layers = [];
    options.onRebased?.();
  });
  await new Promise<void>((resolve) => active.grace.afterReads(resolve));
  return dropped;
}

const always = (): boolean => true;

function requireName({ backing }: FlattenOptions, keep: DiskView | undefined): void {
  if (keep === undefined) return;
  if (backing !== undefined) requireBackingName(backing.name);
  else {
    throw new ImageError('image.qcow2.backing', 'The disk is to stay on its base, whose name is not given', {
      remedy: 'Give the path of the base.',
    });
  }
}

function requireSame(state: DiskState, active: Active): void {
  requireOpen(state);
  if (state.active === active) return;
  throw new ImageError('image.qcow2.backing', 'A snapshot was taken while the disk was flattened', {
    remedy: 'Flatten it again.',
  });
}

/** What a copy is made of. */
export interface CopySource {
  /** Reads as the copy shall read. */
  view: DiskView;
  /** Overlays whose content is wanted, even where it is zeros. */
  layers: readonly Layer[];
  /** A base whose content is wanted where it is not zeros. */
  base: DiskView | undefined;
  /** What shows through the copy where it has nothing. */
  keep: DiskView | undefined;
}

/** Copies clusters that the image does not have yet. Nothing else may change them meanwhile. */
export async function copyChunk(active: Active, source: CopySource, start: number, end: number): Promise<void> {
  const { clusterSize } = active.geometry;
  for (let at = start; at < end;) {
    let to = at;
    while (to < end && (await isWanted(active, source, to))) to = Math.min(end, to + clusterSize);
    if (to === at) at += clusterSize;
    else {
      await copyRun(active, source, at, to);
      at = to;
    }
  }
}

async function isWanted({ tables, pending, geometry }: Active, source: CopySource, at: number): Promise<boolean> {
  const cluster = Math.floor(at / geometry.clusterSize);
  await tables.find(cluster);
  if (pending.lookup(cluster) !== unallocated) return false;
  const length = Math.min(geometry.clusterSize, source.view.size - at);
  for (const layer of source.layers) if (await layer.holds(at, length)) return true;
  const shown = Math.min(length, (source.base?.size ?? 0) - at);
  return shown > 0 && source.base?.knownZero(at, shown) === false;
}

/** Copies clusters: those of zeros as such, where something else would show, and the rest as data. */
async function copyRun(active: Active, source: CopySource, start: number, end: number): Promise<void> {
  const { clusterSize } = active.geometry;
  const bytes = await source.view.read(start, end - start);
  const isZero = (at: number): boolean =>
    isAllZero(bytes.subarray(at - start, Math.min(at + clusterSize, end) - start));
  for (let at = start; at < end;) {
    const zero = isZero(at);
    let to = at;
    while (to < end && isZero(to) === zero) to = Math.min(end, to + clusterSize);
    if (zero) await discardClusters(active, at / clusterSize, Math.ceil(to / clusterSize), source.keep);
    else await writeMoving(active, at, bytes.subarray(at - start, to - start));
    at = to;
  }
}

/** Changes what the image lies on, by replacing its first sector. */
async function rebase({ file, layout, header, checkpoints }: Active, backing: BackingName | undefined): Promise<void> {
  let slot = 0;
  if (backing !== undefined) {
    const name = requireBackingName(backing.name);
    slot = freeSlot(layout.header, name.length);
    await file.write(slot, name);
    await checkpoints.sync();
  }
  await header.update((each) => {
    each.backingOffset = slot;
    if (backing === undefined) delete each.backing;
    else each.backing = backing;
  });
  await checkpoints.sync();
}
