import { createHash } from 'node:crypto';
import { refusal, RefusedError } from '@drover/contract';
import type { CardImage } from '../image/card-image.js';
import { dataRuns, piecesOf, pieceSize } from './pieces.js';
import type { CardTarget } from './target.js';

const MiB = 1024 * 1024;

/** Bytes after which they have to be on the card, so that progress tells of the card and not of memory. */
const syncEvery = 64 * MiB;

/** Tells how far a step is; `total` null: not known. */
export type OnProgress = (label: string, done: number, total: number | null) => void;

export interface CopyOptions {
  readonly signal: AbortSignal;
  readonly onProgress: OnProgress;
}

/** An image that was written, and what each piece of it has to read as. */
export interface Written {
  readonly size: number;
  readonly sha256: string;
  /** sha256 of each piece, in order. */
  readonly pieces: readonly string[];
}

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const tooLarge = ({ path, size }: CardTarget): RefusedError =>
  new RefusedError(
    refusal('card.disk-refused', `The image is larger than ${path}, which has ${size} bytes.`, {
      remedy: 'Take a larger card (or a larger --size for a file). What is there now is not usable.',
    }),
  );

function requireWhole(image: CardImage, { size, sha256 }: Written): void {
  if (size === 0)
    throw new RefusedError(refusal('image.broken', `${image.name} is empty.`, { remedy: 'Name another image.' }));
  if (image.size !== null && image.size !== size)
    throw new RefusedError(
      refusal('image.broken', `${image.name} has ${size} bytes, and should have ${image.size}.`, {
        remedy: 'Download or copy it again.',
      }),
    );
  if (image.sha256 !== undefined && image.sha256 !== sha256)
    throw new RefusedError(
      refusal('image.digest-mismatch', `${image.name} has sha256 ${sha256}, and should have ${image.sha256}.`, {
        remedy: 'Try again; `drover blob verify` says whether the server still has the right bytes.',
      }),
    );
}

/** Writes an image to a card from its beginning. */
export async function copyImage(image: CardImage, target: CardTarget, options: CopyOptions): Promise<Written> {
  const { signal, onProgress } = options;
  const whole = createHash('sha256');
  const pieces: string[] = [];
  let size = 0;
  for await (const piece of piecesOf(image.open(signal))) {
    signal.throwIfAborted();
    if (size + piece.length > target.size) throw tooLarge(target);
    whole.update(piece);
    pieces.push(digestOf(piece));
    const runs = target.isEmpty ? dataRuns(piece) : [[0, piece.length] as const];
    for (const [start, end] of runs) await target.write(size + start, piece.subarray(start, end));
    size += piece.length;
    if (size % syncEvery === 0) await target.sync();
    onProgress('writing', size, image.size);
  }
  await target.sync();
  const written = { size, sha256: whole.digest('hex'), pieces };
  requireWhole(image, written);
  return written;
}

/** Reads back what was written, from the card and not from memory. Throws card.damaged. */
export async function verifyCopy(target: CardTarget, { size, pieces }: Written, options: CopyOptions): Promise<void> {
  const { signal, onProgress } = options;
  await target.forgetCache();
  for (const [index, expected] of pieces.entries()) {
    signal.throwIfAborted();
    const offset = index * pieceSize;
    const length = Math.min(pieceSize, size - offset);
    if (digestOf(await target.read(offset, length)) !== expected)
      throw new RefusedError(
        refusal(
          'card.damaged',
          `${target.path} does not hold what was written to it: bytes ${offset} to ${offset + length - 1} are others.`,
          { remedy: 'The card is most likely bad, or smaller than it says: throw it away and take another.' },
        ),
      );
    onProgress('verifying', offset + length, size);
  }
}
