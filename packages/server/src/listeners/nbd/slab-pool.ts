/** Memory that replies are put together in, shared by all connections: one that is idle holds none. */
export interface SlabPool {
  readonly slabBytes: number;
  take(): Uint8Array;
  /** Only when nobody reads it any more. */
  give(slab: Uint8Array): void;
}

/** `kept`: how many are kept for reuse. */
export function createSlabPool(slabBytes: number, kept: number): SlabPool {
  const free: Uint8Array[] = [];
  return {
    slabBytes,
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(slabBytes),
    give: (slab) => {
      if (free.length < kept) free.push(slab);
    },
  };
}
