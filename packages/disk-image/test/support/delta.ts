import { applyDelta, encodeDelta, memorySource, planDelta, type DeltaOptions } from '../../src/index.js';
import { createRandom } from './runs.js';

export async function gather(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of chunks) all.push(Uint8Array.from(chunk));
  return Buffer.concat(all);
}

/** Bytes that nothing else has. */
export function noise(length: number, seed: number): Buffer {
  const random = createRandom(seed);
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(Math.floor(random() * 2 ** 32), at);
  return bytes;
}

export async function makeDelta(old: Uint8Array, next: Uint8Array, options?: DeltaOptions): Promise<Buffer> {
  const source = memorySource(next);
  return gather(encodeDelta(await planDelta(memorySource(old), source, options), source));
}

export const applied = (old: Uint8Array, delta: Uint8Array): Promise<Buffer> =>
  gather(applyDelta(memorySource(old), memorySource(delta)));

/** One stretch of a new file: new bytes, a run of one byte, or what the old file has somewhere. */
export type Stretch =
  | { readonly kind: 'noise'; readonly seed: number; readonly length: number }
  | { readonly kind: 'run'; readonly byte: number; readonly length: number }
  | { readonly kind: 'old'; readonly from: number; readonly length: number };

/** `from` is taken modulo what there is. */
export function fileOf(stretches: readonly Stretch[], old: Buffer = Buffer.alloc(0)): Buffer {
  return Buffer.concat(
    stretches.map((each) => {
      if (each.kind === 'noise') return noise(each.length, each.seed);
      if (each.kind === 'run') return Buffer.alloc(each.length, each.byte);
      const from = old.length === 0 ? 0 : each.from % old.length;
      return old.subarray(from, from + each.length);
    }),
  );
}
