import type { NbdExtent } from './replies.js';

/** Descriptors of one reply; a client asks on behind the last. 8 bytes each on the wire. */
const mostExtents = 4096;

/**
 * Extents as a BLOCK_STATUS reply may have them (proto.md, NBD_REPLY_TYPE_BLOCK_STATUS): none is empty, neighbours
 * differ, together they are no longer than what was asked for, and with REQ_ONE there is one.
 * When the source knows nothing the answer is what "a server MAY always safely report": status 0.
 */
export function shapeExtents(source: Iterable<NbdExtent>, length: number, one: boolean): NbdExtent[] {
  const shaped: { length: number; flags: number }[] = [];
  let left = length;
  for (const extent of source) {
    if (left === 0) break;
    const taken = Math.min(extent.length, left);
    if (taken <= 0) continue;
    const previous = shaped.at(-1);
    if (previous?.flags === extent.flags) previous.length += taken;
    else if (shaped.length === (one ? 1 : mostExtents)) break;
    else shaped.push({ length: taken, flags: extent.flags });
    left -= taken;
  }
  return shaped.length > 0 ? shaped : [{ length, flags: 0 }];
}
