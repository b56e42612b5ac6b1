import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';

const holeSize = 64 * 1024;
const zeros = Buffer.alloc(holeSize);

/** A hole shorter than a block of the file system would save nothing. */
const leastHole = 4096;

const isZero = (bytes: Buffer): boolean => bytes.length >= leastHole && bytes.equals(zeros.subarray(0, bytes.length));

/** Writes a stream into a file, leaving holes for runs of zero, with its sha256. Refuses more than `limit` bytes. */
export async function writeSparse(
  source: AsyncIterable<Uint8Array>,
  output: string,
  options: { limit: number; signal: AbortSignal },
): Promise<{ digest: string; size: number }> {
  const file = await open(output, 'w', 0o600);
  const hash = createHash('sha256');
  let size = 0;
  try {
    for await (const piece of source) {
      options.signal.throwIfAborted();
      const chunk = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
      if (size + chunk.length > options.limit) {
        throw new RefusedError(
          refusal('image.too-large', `The image is larger than ${options.limit} bytes.`, {
            remedy: 'Raise images.maxSize in the settings.',
          }),
        );
      }
      hash.update(chunk);
      for (let at = 0; at < chunk.length; at += holeSize) {
        const part = chunk.subarray(at, at + holeSize);
        if (!isZero(part)) await file.write(part, 0, part.length, size + at);
      }
      size += chunk.length;
    }
    await file.truncate(size);
    await file.datasync();
    return { digest: hash.digest('hex'), size };
  } finally {
    await file.close();
  }
}
