import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import type { BlobInfo } from '../../app/blobs/ports.js';

const chunkSize = 256 * 1024;

/** sha256 of an open file as it is now, from its start. `onBytes` is told how many bytes are done. Throws the signal's reason. */
export async function hashFile(
  file: FileHandle,
  { signal, onBytes }: { signal: AbortSignal; onBytes: (done: number) => void },
): Promise<BlobInfo> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(chunkSize);
  for (let done = 0; ;) {
    signal.throwIfAborted();
    const { bytesRead } = await file.read(buffer, 0, chunkSize, done);
    if (bytesRead === 0) return { digest: hash.digest('hex'), size: done };
    hash.update(buffer.subarray(0, bytesRead));
    done += bytesRead;
    onBytes(done);
  }
}
