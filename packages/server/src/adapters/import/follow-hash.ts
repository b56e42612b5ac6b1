import { createHash, type Hash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { dataRanges, split, type Range } from './data-ranges.js';

/**
 * Read without the thread pool: what was just written is in memory, and a chunk that stays in the core's cache is read and hashed in a tenth of a
 * millisecond. Megabytes through the thread pool take twice the CPU time. A turn of the event loop takes half a millisecond so.
 */
const chunkSize = 128 * 1024;
const chunksPerTurn = 4;
const pollMs = 50;
/** Most that waits in memory to be written to the disk: each commit of the database on the same disk waits behind it. */
const mostUnwritten = 64 << 20;
/** A file that grew by so much between two looks has a hole, or a very fast writer: worth to ask which. */
const likelyHole = 32 << 20;

const zeros = Buffer.alloc(chunkSize);

/** Hashes a part of the file: `next` gives its bytes, at most a chunk of them. Throws the signal's reason. */
async function hashChunks(
  hash: Hash,
  { from, to }: Range,
  signal: AbortSignal,
  next: (at: number, length: number) => Uint8Array,
): Promise<void> {
  for (let at = from, chunks = 1; at < to; chunks += 1) {
    signal.throwIfAborted();
    const bytes = next(at, Math.min(chunkSize, to - at));
    hash.update(bytes);
    at += bytes.length;
    if (chunks % chunksPerTurn === 0) await nextTurn();
  }
}

const readChunk = (file: FileHandle, buffer: Buffer, at: number, length: number): Uint8Array => {
  const bytesRead = readSync(file.fd, buffer, 0, length, at);
  if (bytesRead === 0) throw new Error('the file became shorter while it was read');
  return buffer.subarray(0, bytesRead);
};

/** What is new of the file, told apart where it is much. */
const piecesOf = async (file: FileHandle, range: Range, signal: AbortSignal) => {
  const extents = range.to - range.from < likelyHole ? undefined : await dataRanges(file, signal);
  return extents === undefined ? [{ ...range, hole: false }] : split(range, extents);
};

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
  const fromFile = (at: number, length: number) => readChunk(file, buffer, at, length);
  const fromHole = (_at: number, length: number) => zeros.subarray(0, length);
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
    for (const piece of await piecesOf(file, { from: done, to: size }, signal))
      await hashChunks(hash, piece, signal, piece.hole ? fromHole : fromFile);
    done = size;
    if (done - synced < mostUnwritten) continue;
    await file.datasync();
    synced = done;
  }
}
