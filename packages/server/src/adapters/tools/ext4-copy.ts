import { open } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';
import type { RandomAccess } from '@drover/disk-image';
import type { ToolRunner } from '@drover/tools';

const chunkSize = 1024 * 1024;
const holeSize = 64 * 1024;
const zeros = Buffer.alloc(holeSize);

/** Writes a volume to a file of its own; what is zero in pieces of 64 KiB takes no space. */
export async function copySparse(source: RandomAccess, path: string, signal: AbortSignal): Promise<void> {
  const file = await open(path, 'w', 0o600);
  try {
    await file.truncate(source.size);
    for (let at = 0; at < source.size; at += chunkSize) {
      signal.throwIfAborted();
      const chunk = await source.read(at, Math.min(chunkSize, source.size - at));
      for (let within = 0; within < chunk.length; within += holeSize) {
        const piece = chunk.subarray(within, within + holeSize);
        if (zeros.compare(piece, 0, piece.length, 0, piece.length) !== 0)
          await file.write(piece, 0, piece.length, at + within);
      }
    }
  } finally {
    await file.close();
  }
}

/**
 * Replays the journal of an ext4 volume in a file, as e2fsck(8) does without asking (`-p`): codes 1 and 2 mean repaired. Throws
 * RefusedError('image.broken') when it needs a person.
 */
export async function replayJournal(tools: ToolRunner, path: string, signal: AbortSignal): Promise<void> {
  const needsPerson = [4, 5, 6, 7, 12];
  const { code, stdout } = await tools.run('e2fsck', ['-p', path], { signal, okCodes: [0, 1, 2, 3, ...needsPerson] });
  if (!needsPerson.includes(code)) return;
  const said = stdout.trim().slice(-1000).replaceAll(path, 'the root partition');
  throw new RefusedError(
    refusal('image.broken', `The root partition was not cleanly unmounted and cannot be repaired by itself: ${said}`, {
      remedy: 'Run e2fsck on the card the image was taken from, or take the image after an orderly shutdown.',
    }),
  );
}
