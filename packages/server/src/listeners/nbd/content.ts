import type { DiskContent } from '../../app/disks/ports.js';

/** A part of a read's answer: bytes to send, or a hole the client is only told of. */
export type ContentRun =
  | { readonly length: number; readonly parts: readonly Uint8Array[] }
  | { readonly length: number; readonly parts: undefined };

/** Shorter holes are sent as zeroes: chunks of their own would cost more (and should be multiples of 512 bytes). */
const leastHole = 4096;
const zeroes = new Uint8Array(64 << 10);

/**
 * What a disk has read, as runs of data and holes in order. Without `holes` it is one run of data, its zeroes spelled
 * out. Undefined when it is not exactly `length` bytes: a fault of the disk.
 */
export function shapeContent(content: DiskContent, length: number, holes: boolean): ContentRun[] | undefined {
  const pieces = content instanceof Uint8Array ? [content] : content;
  const runs: { length: number; parts: Uint8Array[] | undefined }[] = [];
  let total = 0;
  const addData = (parts: readonly Uint8Array[], bytes: number): void => {
    const last = runs.at(-1);
    if (last?.parts) {
      last.parts.push(...parts);
      last.length += bytes;
    } else runs.push({ length: bytes, parts: [...parts] });
  };
  const addHole = (bytes: number): void => {
    const last = runs.at(-1);
    if (last && !last.parts) last.length += bytes;
    else runs.push({ length: bytes, parts: undefined });
  };
  for (const piece of pieces) {
    const bytes = piece instanceof Uint8Array ? piece.length : piece.zeroes;
    total += bytes;
    if (total > length) return undefined;
    if (bytes === 0) continue;
    if (piece instanceof Uint8Array) addData([piece], bytes);
    else if (holes && (bytes >= leastHole || bytes === length)) addHole(bytes);
    else addData(spelledOut(bytes), bytes);
  }
  return total === length ? runs : undefined;
}

function spelledOut(bytes: number): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let left = bytes; left > 0; left -= zeroes.length) parts.push(zeroes.subarray(0, Math.min(left, zeroes.length)));
  return parts;
}

/** Some of the content is in this memory. */
export function liesIn(content: DiskContent, memory: Uint8Array): boolean {
  const isPart = (part: unknown): boolean => part instanceof Uint8Array && part.buffer === memory.buffer;
  return content instanceof Uint8Array ? isPart(content) : content.some(isPart);
}
