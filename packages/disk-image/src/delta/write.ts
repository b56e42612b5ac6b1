import type { RandomAccess } from '../source.js';
import { encodeHead } from './format.js';
import type { DeltaPlan } from './types.js';

const pieceSize = 1024 * 1024;

export async function* pieces(source: RandomAccess, offset: number, length: number): AsyncIterable<Uint8Array> {
  for (let done = 0; done < length; done += pieceSize) {
    yield await source.read(offset + done, Math.min(pieceSize, length - done));
  }
}

/** The bytes of a delta; `next` is the new file it was planned for. */
export async function* encodeDelta(plan: DeltaPlan, next: RandomAccess): AsyncIterable<Uint8Array> {
  yield Buffer.from(encodeHead(plan));
  for (const { kind, offset, length } of plan.instructions) if (kind === 'insert') yield* pieces(next, offset, length);
}
