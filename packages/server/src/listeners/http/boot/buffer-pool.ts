export interface BufferPool {
  take(): Buffer;
  give(buffer: Buffer): void;
}

/** Buffers of one size that are used again. Only what is given back is kept: `most` of them. */
export function createBufferPool(size: number, most: number): BufferPool {
  const free: Buffer[] = [];
  return {
    take: () => free.pop() ?? Buffer.allocUnsafeSlow(size),
    give: (buffer) => {
      if (free.length < most && buffer.length === size) free.push(buffer);
    },
  };
}
