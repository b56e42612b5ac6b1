import { viewOf } from '../../bytes.js';
import { crc32c } from '../../checksum.js';

/** Where a commit block keeps its checksum, and how many bytes checksums have. */
const commitSumAt = 0x10;
const sumSize = 4;
const zeros = new Uint8Array(sumSize);

/** CRC-32C over a block in which the checksum itself counts as zeros. */
function sumWithout(seed: number, block: Uint8Array, at: number): number {
  const before = crc32c(crc32c(seed, block.subarray(0, at)), zeros);
  return crc32c(before, block.subarray(at + sumSize));
}

/** Start value of all checksums of a journal but that of its superblock (Linux, jbd2: crc32c of its UUID). */
export const seedOf = (uuid: Uint8Array): number => crc32c(0xffffffff, uuid);

/** Checksum of a journal superblock of 1024 bytes, which is kept at its byte 0xfc. */
export const superblockSum = (bytes: Uint8Array): number => sumWithout(0xffffffff, bytes, 0xfc);

/** Whether the tail of a descriptor or revocation block fits the block (journal.rst, "Descriptor Block"). */
export function hasGoodTail(seed: number, block: Uint8Array): boolean {
  const at = block.length - sumSize;
  return viewOf(block).getUint32(at) === sumWithout(seed, block, at);
}

/** Whether a commit block is whole, with checksums of version 2 or 3 (journal.rst, "Commit Block"). */
export const isGoodCommit = (seed: number, block: Uint8Array): boolean =>
  viewOf(block).getUint32(commitSumAt) === sumWithout(seed, block, commitSumAt);

/** Checksum of a data block as it lies in the journal, of which version 2 keeps the lower 16 bits only. */
export function dataSum(seed: number, sequence: number, block: Uint8Array): number {
  const number = new Uint8Array(4);
  viewOf(number).setUint32(0, sequence);
  return crc32c(crc32c(seed, number), block);
}

const bigEndian = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n << 24;
  for (let k = 0; k < 8; k++) c = c < 0 ? (c << 1) ^ 0x04c11db7 : c << 1;
  return c >>> 0;
});

/** CRC-32, highest bit first and nothing inverted: checksums of version 1, over all blocks of a transaction. */
export function crc32be(start: number, bytes: Uint8Array): number {
  let crc = start;
  for (const byte of bytes) crc = (crc << 8) ^ (bigEndian[(crc >>> 24) ^ byte] as number);
  return crc >>> 0;
}

/** Whether the sum of a transaction is the one in its commit block, or that has none (version 1). */
export function isGoodTransaction(sum: number, commit: Uint8Array): boolean {
  const view = viewOf(commit);
  const [kind, size, stored] = [view.getUint8(0x0c), view.getUint8(0x0d), view.getUint32(commitSumAt)];
  if (kind === 0 && size === 0 && stored === 0) return true;
  return kind === 1 && size === sumSize && stored === sum;
}
