/**
 * Memory for payloads on their way to or from a disk, shared by all connections. Without it each request would leave garbage outside V8's heap, and every
 * 64 MiB of that make V8 mark its whole heap: most of what large requests cost.
 */
export interface PayloadPool {
  /** More than this is neither kept nor worth it. */
  readonly mostBytes: number;
  readonly take: (length: number) => Uint8Array;
  /** What `take` gave, and only when nobody uses it any more. */
  give(payload: Uint8Array): void;
}

/** Sizes are powers of two. What is larger is rare, and left to the garbage collector. */
const [leastBytes, mostBytes] = [4 << 10, 1 << 20];

/** `kept`: bytes kept for reuse. */
export function createPayloadPool(kept: number): PayloadPool {
  const free = new Map<number, ArrayBuffer[]>();
  let held = 0;

  return {
    mostBytes,
    take: (length) => {
      if (length > mostBytes) return Buffer.allocUnsafeSlow(length);
      const size = Math.max(leastBytes, 2 ** Math.ceil(Math.log2(length)));
      const memory = free.get(size)?.pop();
      if (memory === undefined) return Buffer.allocUnsafeSlow(size).subarray(0, length);
      held -= size;
      return Buffer.from(memory, 0, length);
    },
    give: ({ buffer }) => {
      const size = buffer.byteLength;
      if (size > mostBytes || held + size > kept || !(buffer instanceof ArrayBuffer)) return;
      held += size;
      const same = free.get(size);
      if (same === undefined) free.set(size, [buffer]);
      else same.push(buffer);
    },
  };
}
