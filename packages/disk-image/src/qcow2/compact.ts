import type { Qcow2Environment } from './active.js';
import { createQcow2 } from './create.js';
import { copyChunk, type CopyProgress } from './flatten.js';
import type { BackingName } from './header.js';
import type { Layer } from './layer.js';
import { openActive } from './open.js';
import { finish } from './state.js';
import type { BlockFile, DiskView } from './types.js';

export interface CompactOptions {
  /** Frozen overlays to put together, the uppermost first; each lies on the next. */
  layers: readonly [Layer, ...Layer[]];
  /** What the last of them lies on, and the new image too. */
  below: DiskView | undefined;
  /** What the new image calls it. */
  backing?: Required<BackingName>;
  /** An empty file for the new image. */
  target: BlockFile;
  clusterSize?: number;
  environment: Qcow2Environment;
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}

const chunkSize = 1024 * 1024;

/**
 * Writes one image that reads as several frozen ones on each other, or as a single one, without free or fragmented clusters and with zeros
 * found. The new image is durable when it resolves.
 */
export async function compactQcow2(options: CompactOptions): Promise<void> {
  const { layers, below, target, environment, signal } = options;
  const [{ view }] = layers;
  const total = view.size;
  await createQcow2(target, { size: total, clusterSize: options.clusterSize, backing: options.backing }, false);
  const { active } = await openActive({ ...environment, file: target, log: undefined, below, bulk: true });
  const source = { view, layers, base: undefined, keep: below };
  const step = Math.max(chunkSize, active.geometry.clusterSize);
  for (let at = 0; at < total; at += step) {
    signal?.throwIfAborted();
    const end = Math.min(total, at + step);
    await copyChunk(active, source, at, end);
    active.checkpoints.wrote();
    options.onProgress?.({ done: end, total });
  }
  await finish(active);
  active.tables.drop();
}
