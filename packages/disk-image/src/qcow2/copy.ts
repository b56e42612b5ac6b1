import type { Qcow2Environment } from './active.js';
import { createQcow2 } from './create.js';
import { copyChunk, type CopyProgress } from './flatten.js';
import { openActive } from './open.js';
import { finish } from './state.js';
import type { BlockFile, DiskView } from './types.js';
import { isAllZero } from './zeros.js';

export interface CopyOptions {
  /** Whose content to copy; nobody changes it meanwhile. */
  view: DiskView;
  /** An empty file. */
  target: BlockFile;
  /** Bytes of the copy, a multiple of 512, when it is to be larger; what is added reads as zeros. */
  size?: number;
  signal?: AbortSignal;
  onProgress?: (progress: CopyProgress) => void;
}

const chunkSize = 1024 * 1024;
/** Zeros that take no space are passed over in steps of so many bytes at most, so that it can be broken off. */
const longestGap = 1024 * chunkSize;

/** Writes a qcow2 image that lies on nothing and takes no space for zeros. It is durable when this resolves. */
export async function copyToQcow2(options: CopyOptions & { environment: Qcow2Environment }): Promise<void> {
  const { view, target, environment, size = roundUp(view.size) } = options;
  await createQcow2(target, { size }, false);
  const { active } = await openActive({ ...environment, file: target, log: undefined, below: undefined, bulk: true });
  const source = { view, layers: [], base: view, keep: undefined };
  await eachChunk(options, Math.max(chunkSize, active.geometry.clusterSize), async (start, end) => {
    await copyChunk(active, source, start, end);
    active.checkpoints.wrote();
  });
  await finish(active);
  active.tables.drop();
}

/** Writes the content as it is, with holes for zeros. It is durable when this resolves. */
export async function copyToRaw(options: CopyOptions): Promise<void> {
  const { view, target, size = roundUp(view.size) } = options;
  await target.truncate(size);
  const grain = 64 * 1024;
  await eachChunk(options, chunkSize, async (start, end) => {
    const bytes = await view.read(start, end - start);
    for (let at = 0; at < bytes.length; at += grain) {
      const part = bytes.subarray(at, at + grain);
      if (!isAllZero(part)) await target.write(start + at, part);
    }
  });
  await target.datasync();
}

const roundUp = (size: number): number => Math.ceil(size / 512) * 512;

/** Calls `copy` for all that may hold something, in steps that begin at multiples of `step`. */
async function eachChunk(
  { view, signal, onProgress }: CopyOptions,
  step: number,
  copy: (start: number, end: number) => Promise<void>,
): Promise<void> {
  const total = view.size;
  for (let at = 0; at < total;) {
    signal?.throwIfAborted();
    const [first] = await view.status(at, Math.min(longestGap, total - at), 1);
    const gap = first?.zero === true ? first.length : 0;
    const end = Math.min(total, gap > step ? at + gap - ((at + gap) % step) : at + step);
    // What is zero as a whole is passed over.
    if (gap < end - at) await copy(at, end);
    at = end;
    onProgress?.({ done: at, total });
  }
}
