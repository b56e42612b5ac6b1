import { sectorSize, type Geometry } from './format.js';
import type { ClusterSet } from './cluster-set.js';

/** The count of a cluster in a refcount block ("Host cluster management" of the specification). */
export function readRefcount(block: Buffer, index: number, bits: number): number {
  switch (bits) {
    case 64:
      return block.readUInt32BE(index * 8) * 2 ** 32 + block.readUInt32BE(index * 8 + 4);
    case 32:
      return block.readUInt32BE(index * 4);
    case 16:
      return block.readUInt16BE(index * 2);
    case 8:
      return block.readUInt8(index);
    default: {
      const bit = index * bits;
      return (block.readUInt8(bit >>> 3) >>> (bit & 7)) & ((1 << bits) - 1);
    }
  }
}

/** Writes a count of 1. The place must hold 0. */
function writeOne(block: Buffer, index: number, bits: number): void {
  if (bits >= 8) block.writeUInt8(1, ((index + 1) * bits) / 8 - 1);
  else block.writeUInt8(block.readUInt8((index * bits) >>> 3) | (1 << ((index * bits) & 7)), (index * bits) >>> 3);
}

/** Clusters whose counts share a sector of a refcount block. */
export const countsPerSector = (geometry: Geometry): number => (sectorSize * 8) / geometry.refcountBits;

/** The bytes of refcount blocks for clusters that are used once or not at all: `count` of them from `first` on. */
export function encodeRefcounts(used: ClusterSet, first: number, count: number, geometry: Geometry): Buffer {
  const bits = geometry.refcountBits;
  const bytes = Buffer.alloc((count * bits) / 8);
  const limit = first + count;
  for (let at = used.nextPresent(first, limit); at < limit; at = used.nextPresent(at + 1, limit)) {
    writeOne(bytes, at - first, bits);
  }
  return bytes;
}
