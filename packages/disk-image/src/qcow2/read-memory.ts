const pieceBytes = 16 << 10;
const slabBytes = 128 << 10;

/**
 * Memory for what is read, not zeroed. Small pieces are cut from one allocation after another: an allocation of its own costs more than a read of 4 KiB
 * from the page cache. A piece that is kept for long keeps its neighbours with it.
 */
export function createReadMemory(): (length: number) => Uint8Array {
  let slab = new Uint8Array(0);
  let used = 0;
  return (length) => {
    if (length > pieceBytes) return Buffer.allocUnsafeSlow(length);
    if (used + length > slab.length) {
      slab = Buffer.allocUnsafeSlow(slabBytes);
      used = 0;
    }
    const piece = slab.subarray(used, used + length);
    used += length;
    return piece;
  };
}
