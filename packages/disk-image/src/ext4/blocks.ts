import { viewOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import { inodeFlag, type Inode } from './inode.js';
import type { Superblock } from './superblock.js';

/** Blocks of a file that lie together on the disk. What no run covers is a hole. */
export interface Run {
  /** Block within the file. */
  logical: number;
  /** Block of the volume. */
  physical: number;
  count: number;
}

export interface BlockMap {
  /** Ordered, apart from each other, clipped to the file's size. */
  runs: Run[];
  /** Blocks that hold the map itself. */
  nodes: number;
}

const maxRuns = 1 << 20;
const extentMagic = 0xf30a;
const maxExtentDepth = 5;
/** An extent's length above this says: allocated, not yet written, so it reads as zeros. */
const maxInitialised = 0x8000;

/** Collects the runs of one file and refuses what a whole file system cannot have. */
class MapBuilder {
  readonly runs: Run[] = [];
  private readonly nodes = new Set<number>();
  private readonly s: Superblock;
  private readonly inode: number;
  private readonly blocks: number;
  private mapped = 0;

  constructor(s: Superblock, inode: number, blocks: number) {
    this.s = s;
    this.inode = inode;
    this.blocks = blocks;
  }

  get nodeCount(): number {
    return this.nodes.size;
  }

  add(logical: number, physical: number, length: number): void {
    const count = Math.min(length, this.blocks - logical);
    if (count <= 0) return;
    this.requireBlocks(physical, count);
    this.mapped += count;
    if (this.mapped > this.s.blockCount) throw this.corrupt('it has more blocks than the volume');
    const last = this.runs.at(-1);
    if (last !== undefined && last.logical + last.count === logical && last.physical + last.count === physical) {
      last.count += count;
      return;
    }
    if (this.runs.length === maxRuns) throw this.corrupt(`it is in more than ${maxRuns} pieces`);
    this.runs.push({ logical, physical, count });
  }

  /** Notes a block of the map itself: each may be there only once. */
  enter(block: number): void {
    this.requireBlocks(block, 1);
    if (this.nodes.has(block)) throw this.corrupt(`block ${block} of its map is used twice`);
    this.nodes.add(block);
  }

  /** Whether this block of the file is before its end. */
  wants(logical: number): boolean {
    return logical < this.blocks;
  }

  corrupt(why: string): ImageError {
    return new ImageError('image.ext4.corrupt', `Inode ${this.inode} cannot be read: ${why}`, {
      remedy: 'Check the file system with e2fsck, or write the image again.',
    });
  }

  private requireBlocks(first: number, count: number): void {
    if (first >= 1 && first + count <= this.s.blockCount) return;
    throw this.corrupt(`block ${first + count - 1} is outside the volume of ${this.s.blockCount}`);
  }
}

interface ExtentNode {
  view: DataView;
  entries: number;
  depth: number;
}

function parseExtentHeader(builder: MapBuilder, bytes: Uint8Array, depth: number | undefined): ExtentNode {
  const view = viewOf(bytes);
  if (view.getUint16(0, true) !== extentMagic) throw builder.corrupt('a block of its extent tree has no magic');
  const entries = view.getUint16(2, true);
  const found = view.getUint16(6, true);
  if (entries > Math.floor((bytes.length - 12) / 12)) throw builder.corrupt(`an extent block with ${entries} entries`);
  if (depth === undefined ? found > maxExtentDepth : found !== depth) {
    throw builder.corrupt(`an extent tree of depth ${found}`);
  }
  if (entries === 0 && (found > 0 || depth !== undefined)) throw builder.corrupt('an empty block in its extent tree');
  return { view, entries, depth: found };
}

/** Keys must rise within [from, to): so no part of a tree can be visited under two parents. */
async function readExtents(
  source: RandomAccess,
  s: Superblock,
  builder: MapBuilder,
  node: ExtentNode,
  from: number,
  to: number,
): Promise<void> {
  let least = from;
  for (let i = 0; i < node.entries; i++) {
    const at = 12 + i * 12;
    const logical = node.view.getUint32(at, true);
    if (logical < least || logical >= to) throw builder.corrupt(`extents out of order at its block ${logical}`);
    if (node.depth === 0) {
      least = addExtent(builder, node.view, at, logical);
      continue;
    }
    least = logical + 1;
    const child = node.view.getUint32(at + 4, true) + node.view.getUint16(at + 8, true) * 0x1_0000_0000;
    if (!builder.wants(logical)) return;
    builder.enter(child);
    const bytes = await source.read(child * s.blockSize, s.blockSize);
    const end = i + 1 < node.entries ? node.view.getUint32(at + 12, true) : to;
    await readExtents(source, s, builder, parseExtentHeader(builder, bytes, node.depth - 1), logical, end);
  }
}

/** Adds a leaf entry and returns the block after it. */
function addExtent(builder: MapBuilder, view: DataView, at: number, logical: number): number {
  const length = view.getUint16(at + 4, true);
  if (length === 0) throw builder.corrupt('an extent of no blocks');
  if (length > maxInitialised) return logical + length - maxInitialised;
  const physical = view.getUint16(at + 6, true) * 0x1_0000_0000 + view.getUint32(at + 8, true);
  builder.add(logical, physical, length);
  return logical + length;
}

/** The older map: twelve direct pointers, then one block of pointers, one of blocks of them, and once more. */
async function readPointers(source: RandomAccess, s: Superblock, builder: MapBuilder, area: Uint8Array): Promise<void> {
  const view = viewOf(area);
  const perBlock = s.blockSize / 4;
  for (let i = 0; i < 12; i++) addPointer(builder, i, view.getUint32(i * 4, true));
  let logical = 12;
  for (let level = 1; level <= 3; level++) {
    await readPointerBlock(source, s, builder, view.getUint32((11 + level) * 4, true), level, logical);
    logical += perBlock ** level;
  }
}

function addPointer(builder: MapBuilder, logical: number, physical: number): void {
  if (physical !== 0) builder.add(logical, physical, 1);
}

async function readPointerBlock(
  source: RandomAccess,
  s: Superblock,
  builder: MapBuilder,
  block: number,
  level: number,
  logical: number,
): Promise<void> {
  if (block === 0 || !builder.wants(logical)) return;
  builder.enter(block);
  const view = viewOf(await source.read(block * s.blockSize, s.blockSize));
  const perBlock = s.blockSize / 4;
  const span = perBlock ** (level - 1);
  for (let i = 0; i < perBlock; i++) {
    const pointer = view.getUint32(i * 4, true);
    if (level === 1) addPointer(builder, logical + i, pointer);
    else await readPointerBlock(source, s, builder, pointer, level - 1, logical + i * span);
  }
}

/** Where the content of an inode lies. Throws `image.ext4.corrupt`. The inode must not hold its data inline. */
export async function mapBlocks(source: RandomAccess, s: Superblock, inode: Inode): Promise<BlockMap> {
  const builder = new MapBuilder(s, inode.stat.inode, Math.ceil(inode.stat.size / s.blockSize));
  if ((inode.flags & inodeFlag.extents) !== 0) {
    const root = parseExtentHeader(builder, inode.blockArea, undefined);
    await readExtents(source, s, builder, root, 0, 0x1_0000_0000);
  } else {
    await readPointers(source, s, builder, inode.blockArea);
  }
  return { runs: builder.runs, nodes: builder.nodeCount };
}
