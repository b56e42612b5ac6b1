import { rm } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';
import { cachedSource, ImageError, openExt4, type Ext4Volume, type RandomAccess } from '@drover/disk-image';
import type { ToolRunner } from '@drover/tools';
import { copySparse, replayJournal } from './ext4-copy.js';

export interface ReadableVolumeDeps {
  readonly tools: ToolRunner;
  openSource(path: string): Promise<RandomAccess & { close(): Promise<void> }>;
}

const cache = { pageSize: 64 * 1024, pages: 512 };

const openVolume = (source: RandomAccess): Promise<Ext4Volume> => openExt4(cachedSource(source, cache));

/** A volume whose journal was not replayed is repaired in a copy of its partition, at `copy`, which is gone afterwards. */
export async function withReadableVolume<T>(
  deps: ReadableVolumeDeps,
  partition: RandomAccess,
  copy: string,
  signal: AbortSignal,
  work: (volume: Ext4Volume) => Promise<T>,
): Promise<T> {
  const volume = await openVolume(partition);
  if (!volume.needsRecovery) return work(volume);
  try {
    await copySparse(partition, copy, signal);
    await replayJournal(deps.tools, copy, signal);
    const source = await deps.openSource(copy);
    try {
      return await work(await openVolume(source));
    } finally {
      await source.close();
    }
  } finally {
    await rm(copy, { force: true });
  }
}

/** What is wrong with an image is the caller's to hear. */
export function refuseImageError(fault: unknown): never {
  if (!(fault instanceof ImageError)) throw fault;
  const code = fault.code.endsWith('.unsupported') ? 'image.unsupported' : 'image.broken';
  throw new RefusedError(
    refusal(code, `${fault.message} (${fault.code})`, fault.remedy === undefined ? {} : { remedy: fault.remedy }),
  );
}
