import { ImageError } from '../errors.js';
import type { Active } from './active.js';
import { requireSize } from './create.js';
import { extendMetadata, planMetadata } from './metadata.js';
import { discardClusters, zeroPart } from './write.js';
import { isAllZero } from './zeros.js';

export interface ResizeOptions {
  /** Allows a smaller size, provided that everything behind it reads as zeros: trim it first. */
  shrink?: boolean;
}

/** Changes the size of a disk. No change of it may be under way. */
export async function resize(active: Active, size: number, { shrink = false }: ResizeOptions = {}): Promise<void> {
  const { size: old } = active.view;
  if (!Number.isSafeInteger(size) || size <= 0 || size % 512 !== 0) {
    throw new ImageError('image.qcow2.parameter', `size is ${size}`, { remedy: 'Give a multiple of 512 bytes.' });
  }
  if (size === old) return;
  if (size > old) await prepareGrowth(active, size);
  else if (shrink) await requireZeros(active, size, old);
  else {
    throw new ImageError('image.qcow2.shrink', `The disk has ${old} bytes, more than ${size}`, {
      remedy: 'Make the file system smaller, trim what is behind it, and ask for shrinking explicitly.',
    });
  }
  await active.checkpoints.flush();
  await active.header.update((header) => (header.size = size));
  await active.checkpoints.sync();
}

/** Adds tables, and makes sure that what comes into sight reads as zeros. */
async function prepareGrowth(active: Active, size: number): Promise<void> {
  const { layout, allocator, geometry, below } = active;
  const { clusterSize } = geometry;
  const { size: old } = active.view;
  requireSize(size, geometry);
  const plan = planMetadata(layout, size, allocator.end);
  if (plan !== undefined) await extendMetadata(active, plan);
  const edge = Math.ceil(old / clusterSize) * clusterSize;
  if (edge > old) await zeroPart(active, old, edge);
  const shown = Math.min(size, below?.size ?? 0);
  if (shown > edge) await discardClusters(active, edge / clusterSize, Math.ceil(shown / clusterSize));
}

async function requireZeros({ view }: Active, from: number, to: number): Promise<void> {
  const step = 1024 * 1024;
  for (let at = from; at < to;) {
    const [first] = await view.status(at, to - at, 1);
    const length = first === undefined ? step : first.zero ? first.length : Math.min(first.length, step);
    const holdsData = first?.zero !== true && !isAllZero(await view.read(at, Math.min(length, to - at)));
    if (holdsData) {
      throw new ImageError('image.qcow2.shrink', `There is data in the ${length} bytes at ${at}`, {
        at,
        remedy: 'Make the file system smaller and trim what is behind it first.',
      });
    }
    at += length;
  }
}
