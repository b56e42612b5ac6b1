import { bufferOf } from '../bytes.js';
import type { RandomAccess } from '../source.js';
import { corrupt, decodeHead, lastLine, longestHead } from './format.js';
import type { DeltaPlan } from './types.js';
import { pieces } from './write.js';

/** What a delta does, once all of its text was looked at, and where its bytes begin. */
export async function readDelta(delta: RandomAccess): Promise<{ plan: DeltaPlan; dataAt: number }> {
  const head = bufferOf(await delta.read(0, Math.min(longestHead, delta.size)));
  const lines: string[] = [];
  let at = 0;
  while (lines.at(-1) !== lastLine) {
    const end = head.indexOf(10, at);
    if (end < 0) throw corrupt('its text does not end', at);
    lines.push(head.toString('latin1', at, end));
    at = end + 1;
  }
  const { plan, data } = decodeHead(lines.slice(0, -1));
  if (delta.size !== at + data) throw corrupt(`it has ${delta.size} bytes and not ${at + data}`);
  return { plan, dataAt: at };
}

/** The bytes of the new file. Refuses a delta that was made for a file of another size before it gives any. */
export async function* applyDelta(old: RandomAccess, delta: RandomAccess): AsyncIterable<Uint8Array> {
  const { plan, dataAt } = await readDelta(delta);
  if (plan.oldSize !== old.size) throw corrupt(`it is for a file of ${plan.oldSize} bytes, and there are ${old.size}`);
  let insertAt = dataAt;
  for (const { kind, offset, length } of plan.instructions) {
    if (kind === 'copy') yield* pieces(old, offset, length);
    else {
      yield* pieces(delta, insertAt, length);
      insertAt += length;
    }
  }
}
