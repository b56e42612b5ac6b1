import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const pollMs = 250;
/** Most that waits in memory to be written to the disk: each commit of the database on the same disk waits behind it. */
const mostUnwritten = 64 << 20;

/**
 * Watches a file that another process writes from front to back, until that has ended: has it written to the disk as it grows, and ends early when it is
 * larger than `limit` bytes, with false. Throws the signal's reason.
 */
export async function watchWriter(
  file: FileHandle,
  { limit, ended, signal }: { limit: number; ended: () => boolean; signal: AbortSignal },
): Promise<boolean> {
  for (let synced = 0; ;) {
    signal.throwIfAborted();
    // Asked before the size is read: what was written until then is counted in that size.
    const isLast = ended();
    const { size } = await file.stat();
    if (size > limit) return false;
    if (isLast) return true;
    if (size - synced >= mostUnwritten) {
      await file.datasync();
      synced = size;
    } else await sleep(pollMs);
  }
}
