import type { RandomAccess } from '../source.js';
import { RollingHash } from './rolling-hash.js';
import type { DeltaOptions } from './types.js';

const smallestBlock = 4096;
/** With larger blocks where there would be more: the index of a file of any size takes 16 MiB at most. */
const mostBlocks = 1 << 20;
const chunkSize = 1024 * 1024;
/** Instead of the number of a block. */
const forgotten = 0xffff_ffff;
const farthest = 32;
const nowhere = -1;

export const blockSizeFor = (size: number): number => {
  let block = smallestBlock;
  while (size / block > mostBlocks) block *= 2;
  return block;
};

/** Where the blocks of a file are, by their hashes. Of blocks with one hash the first is known. */
export class BlockIndex {
  readonly blockSize: number;
  private readonly hashes: Uint32Array;
  /** Number of the block, from 1; 0 where none is. */
  private readonly blocks: Uint32Array;
  private readonly mask: number;

  constructor(blockSize: number, count: number) {
    this.blockSize = blockSize;
    let capacity = 16;
    while (capacity < count * 2) capacity *= 2;
    this.hashes = new Uint32Array(capacity);
    this.blocks = new Uint32Array(capacity);
    this.mask = capacity - 1;
  }

  add(hash: number, block: number): void {
    const slot = this.slotOf(hash);
    if (slot === nowhere || this.blocks[slot] !== 0) return;
    this.hashes[slot] = hash;
    this.blocks[slot] = block + 1;
  }

  /** The offset of a block that may have this content. */
  find(hash: number): number | undefined {
    const slot = this.slotOf(hash);
    const block = slot === nowhere ? 0 : (this.blocks[slot] as number);
    return block === 0 || block === forgotten ? undefined : (block - 1) * this.blockSize;
  }

  /** A hash that misled is not asked about again, so that a file made to mislead costs no more than one look for each block. */
  forget(hash: number): void {
    const slot = this.slotOf(hash);
    if (slot !== nowhere && this.blocks[slot] !== 0) this.blocks[slot] = forgotten;
  }

  /** Where a hash is or may be put. What finds no place close to its own is done without: a file can be made so that all want the same. */
  private slotOf(hash: number): number {
    const own = Math.imul(hash ^ (hash >>> 15), 0x9e3779b1) >>> 8;
    for (let step = 0; step < farthest; step += 1) {
      const slot = (own + step) & this.mask;
      if (this.blocks[slot] === 0 || this.hashes[slot] === hash) return slot;
    }
    return nowhere;
  }
}

/** Reads all of a file once. */
export async function indexBlocks(source: RandomAccess, options: DeltaOptions): Promise<BlockIndex> {
  const blockSize = blockSizeFor(source.size);
  const count = Math.floor(source.size / blockSize);
  const index = new BlockIndex(blockSize, count);
  const hash = new RollingHash(blockSize);
  const perChunk = Math.max(1, chunkSize / blockSize);
  for (let block = 0; block < count; block += perChunk) {
    options.signal?.throwIfAborted();
    const blocks = Math.min(perChunk, count - block);
    const bytes = await source.read(block * blockSize, blocks * blockSize);
    for (let i = 0; i < blocks; i += 1) index.add(hash.start(bytes, i * blockSize), block + i);
    options.onProgress?.((block + blocks) * blockSize);
  }
  return index;
}
