import { createHash, type Hash } from 'node:crypto';
import { fstatSync, readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { BlobInfo } from '../../app/blobs/ports.js';
import { dataRanges, split, type Range } from './data-ranges.js';

/**
 * Read without the thread pool: what was just written is in memory, and a chunk that stays in the core's cache is read and hashed in a tenth of a
 * millisecond. Megabytes through the thread pool take twice the CPU time.
 */
const chunkSize = 128 * 1024;
const chunksPerTurn = 2;

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

/** sha256 of a disk that was written a moment ago and that nobody writes to. Its holes are not read. Throws the signal's reason. */
export async function hashDisk(file: FileHandle, signal: AbortSignal): Promise<BlobInfo> {
  const { size } = fstatSync(file.fd);
  const whole = { from: 0, to: size };
  const extents = await dataRanges(file, signal);
  const pieces = extents === undefined ? [{ ...whole, hole: false }] : split(whole, extents);
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkSize);
  const fromFile = (at: number, length: number): Uint8Array => readChunk(file, buffer, at, length);
  const fromHole = (_at: number, length: number): Uint8Array => zeros.subarray(0, length);
  for (const piece of pieces) await hashChunks(hash, piece, signal, piece.hole ? fromHole : fromFile);
  return { digest: hash.digest('hex'), size };
}
