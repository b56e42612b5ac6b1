import { bufferOf } from '../bytes.js';
import type { RandomAccess } from '../source.js';

const firstStep = 4096;
const largestStep = 1024 * 1024;

/** How many bytes at the beginning of both are the same. */
function sameFromStart(a: Uint8Array, b: Uint8Array): number {
  if (bufferOf(a).equals(b)) return a.length;
  let at = 0;
  while (a[at] === b[at]) at += 1;
  return at;
}

/** How many bytes at the end of both are the same. */
function sameToEnd(a: Uint8Array, b: Uint8Array): number {
  if (bufferOf(a).equals(b)) return a.length;
  let count = 0;
  while (a[a.length - 1 - count] === b[b.length - 1 - count]) count += 1;
  return count;
}

/** Two files, and where in each. */
export interface Place {
  readonly old: RandomAccess;
  readonly oldAt: number;
  readonly next: RandomAccess;
  readonly nextAt: number;
}

/** How far both files are the same from a place on. */
export async function sameAfter({ old, oldAt, next, nextAt }: Place): Promise<number> {
  const most = Math.min(old.size - oldAt, next.size - nextAt);
  let same = 0;
  for (let step = firstStep; same < most; step = Math.min(step * 2, largestStep)) {
    const length = Math.min(step, most - same);
    const count = sameFromStart(await old.read(oldAt + same, length), await next.read(nextAt + same, length));
    same += count;
    if (count < length) break;
  }
  return same;
}

/** How far both files are the same before a place, `limit` bytes at most. */
export async function sameBefore({ old, oldAt, next, nextAt }: Place, limit: number): Promise<number> {
  const most = Math.min(oldAt, nextAt, limit);
  let same = 0;
  for (let step = firstStep; same < most; step = Math.min(step * 2, largestStep)) {
    const length = Math.min(step, most - same);
    const before = same + length;
    const count = sameToEnd(await old.read(oldAt - before, length), await next.read(nextAt - before, length));
    same += count;
    if (count < length) break;
  }
  return same;
}
