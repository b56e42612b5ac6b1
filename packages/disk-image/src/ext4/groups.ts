import { join64, viewOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import type { Superblock } from './superblock.js';

function isPowerOf(value: number, base: number): boolean {
  let power = base;
  while (power < value) power *= base;
  return power === value;
}

/** Whether a group starts with a copy of the superblock (Linux, ext4_bg_has_super). */
function hasSuperblock(s: Superblock, group: number): boolean {
  if (group === 0) return true;
  if (s.backupGroups !== undefined) return s.backupGroups.includes(group);
  if (!s.sparseSuper || group === 1) return true;
  return isPowerOf(group, 3) || isPowerOf(group, 5) || isPowerOf(group, 7);
}

/**
 * The block of the group descriptor table's `index`-th block. It follows the superblock, which is at byte 1024: in
 * block 1 when blocks are that small, even where bigalloc makes block 0 the first data block.
 */
function descriptorBlock(s: Superblock, index: number): number {
  const superblock = s.blockSize === 1024 ? 1 : 0;
  if (s.firstMetaBlockGroup === undefined || index < s.firstMetaBlockGroup) return superblock + 1 + index;
  const group = index * (s.blockSize / s.descriptorSize);
  // With 1 KiB blocks and a first data block of 0 the superblock itself fills block 1.
  const shift = s.blockSize === 1024 && s.firstDataBlock === 0 && index === 0 ? 1 : 0;
  return s.firstDataBlock + group * s.blocksPerGroup + (hasSuperblock(s, group) ? 1 : 0) + shift;
}

/** Byte offset of an inode in the volume. Throws `image.ext4.corrupt` for numbers that cannot be. */
export async function locateInode(source: RandomAccess, s: Superblock, inode: number): Promise<number> {
  if (inode < 1 || inode > s.inodeCount) {
    throw new ImageError('image.ext4.corrupt', `Inode ${inode} is named, but there are ${s.inodeCount}`);
  }
  const group = Math.floor((inode - 1) / s.inodesPerGroup);
  const perBlock = s.blockSize / s.descriptorSize;
  const block = descriptorBlock(s, Math.floor(group / perBlock));
  const at = block * s.blockSize + (group % perBlock) * s.descriptorSize;
  const view = viewOf(await source.read(at, s.descriptorSize));
  const high = s.descriptorSize >= 64 ? view.getUint32(0x28, true) : 0;
  const table = join64(high, view.getUint32(0x08, true), `The inode table of group ${group}`);
  if (table <= s.firstDataBlock || table >= s.blockCount) {
    throw new ImageError('image.ext4.corrupt', `The inode table of group ${group} is at block ${table}`, { at });
  }
  return table * s.blockSize + ((inode - 1) % s.inodesPerGroup) * s.inodeSize;
}
