/** Memory for clusters on their way from one place to another. */
export interface Scratch {
  /** Not zeroed. */
  take(length: number): Uint8Array;
  /** Only when nobody reads or writes it any more. */
  give(bytes: Uint8Array): void;
}

/** Keeps at most so many bytes for the next. Memory outside of V8's heap that comes and goes makes it collect its whole heap again and again. */
export function createScratch(mostBytes: number): Scratch {
  const free = new Map<number, Uint8Array[]>();
  let kept = 0;
  return {
    take: (length) => {
      const found = free.get(length)?.pop();
      if (found === undefined) return Buffer.allocUnsafeSlow(length);
      kept -= length;
      return found;
    },
    give: (bytes) => {
      const { length } = bytes;
      if (kept + length > mostBytes) return;
      kept += length;
      const alike = free.get(length);
      if (alike === undefined) free.set(length, [bytes]);
      else alike.push(bytes);
    },
  };
}

/** Of all disks. */
export const scratch = createScratch(4 << 20);
