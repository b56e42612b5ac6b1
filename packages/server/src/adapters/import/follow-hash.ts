import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';

const chunkSize = 1 << 20;
const pollMs = 15;

/**
 * sha256 of a file that another process is still writing from front to back: reads behind the writer, so that hashing costs no wall time of its own.
 * `written()` says whether the writer has ended; a grown file beyond `limit` bytes ends it early with `tooLarge`.
 */
export async function followHash(
  file: FileHandle,
  options: { limit: number; written(): boolean; signal: AbortSignal; onBytes?(done: number): void },
): Promise<{ digest: string; size: number; tooLarge: boolean }> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkSize);
  let done = 0;
  for (;;) {
    options.signal.throwIfAborted();
    // Asked before the size is read: what was written until then is counted in that size.
    const ended = options.written();
    const { size } = await file.stat();
    if (size > options.limit) return { digest: '', size, tooLarge: true };
    if (done < size) {
      const { bytesRead } = await file.read(buffer, 0, Math.min(chunkSize, size - done), done);
      hash.update(buffer.subarray(0, bytesRead));
      done += bytesRead;
      options.onBytes?.(done);
    } else if (ended) {
      return { digest: hash.digest('hex'), size: done, tooLarge: false };
    } else {
      await sleep(pollMs);
    }
  }
}
