import { createHash, type Hash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/**
 * Read without the thread pool, one chunk each turn of the event loop: what was just written is in memory, and a chunk that stays in the core's cache is
 * read and hashed in a tenth of a millisecond. Megabytes through the thread pool take twice the CPU time.
 */
const chunkSize = 128 * 1024;
const pollMs = 50;
/** Most that waits in memory to be written to the disk: each commit of the database on the same disk waits behind it. */
const mostUnwritten = 64 << 20;

/** Hashes `file` from `from` until `to`. Throws the signal's reason. */
async function hashRange(
  hash: Hash,
  file: FileHandle,
  { from, to, buffer, signal }: { from: number; to: number; buffer: Buffer; signal: AbortSignal },
): Promise<void> {
  for (let done = from; done < to;) {
    signal.throwIfAborted();
    const bytesRead = readSync(file.fd, buffer, 0, Math.min(chunkSize, to - done), done);
    if (bytesRead === 0) throw new Error('the file became shorter while it was read');
    hash.update(buffer.subarray(0, bytesRead));
    done += bytesRead;
    await nextTurn();
  }
}

/**
 * sha256 of a file that another process is still writing from front to back: reads behind the writer, so that hashing costs no wall time of its own, and
 * has the file written to the disk as it grows. `written()` says whether the writer has ended; a grown file beyond `limit` bytes ends it early with
 * `tooLarge`.
 */
export async function followHash(
  file: FileHandle,
  options: { limit: number; written(): boolean; signal: AbortSignal },
): Promise<{ digest: string; size: number; tooLarge: boolean }> {
  const { signal } = options;
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkSize);
  let done = 0;
  let synced = 0;
  for (;;) {
    signal.throwIfAborted();
    // Asked before the size is read: what was written until then is counted in that size.
    const ended = options.written();
    const { size } = fstatSync(file.fd);
    if (size > options.limit) return { digest: '', size, tooLarge: true };
    if (done === size && ended) return { digest: hash.digest('hex'), size, tooLarge: false };
    if (done === size) await sleep(pollMs);
    await hashRange(hash, file, { from: done, to: size, buffer, signal });
    done = size;
    if (done - synced < mostUnwritten) continue;
    await file.datasync();
    synced = done;
  }
}
