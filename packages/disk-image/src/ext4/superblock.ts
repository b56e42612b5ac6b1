import { bufferOf, formatUuid, join64, viewOf } from '../bytes.js';
import { crc32c } from '../checksum.js';
import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import { compat, featureNames, incompat, requireReadable, roCompat } from './features.js';

export const superblockAt = 1024;
const superblockSize = 1024;

/** What the superblock says, checked against the size of the volume. */
export interface Superblock {
  blockSize: number;
  blockCount: number;
  firstDataBlock: number;
  blocksPerGroup: number;
  groupCount: number;
  inodeCount: number;
  inodesPerGroup: number;
  inodeSize: number;
  descriptorSize: number;
  /** First block group whose descriptors lie in the groups themselves (meta_bg), else undefined. */
  firstMetaBlockGroup: number | undefined;
  /** Groups that hold a copy of the superblock under sparse_super2, else undefined. */
  backupGroups: number[] | undefined;
  sparseSuper: boolean;
  hasFileTypes: boolean;
  hasEaInode: boolean;
  /** Start value of metadata checksums, or undefined when there are none. */
  checksumSeed: number | undefined;
  needsRecovery: boolean;
  /** Where the journal is, or undefined when there is none. */
  journal: { inode: number } | 'external' | undefined;
  label: string;
  uuid: string;
  usedBytes: number;
  features: string[];
}

const corrupt = (why: string): ImageError =>
  new ImageError('image.ext4.corrupt', `The ext4 superblock is damaged: ${why}`, {
    at: superblockAt,
    remedy: 'Check the file system with e2fsck, or write the image again.',
  });

function parseBlockSize(view: DataView): number {
  const exponent = view.getUint32(0x18, true);
  if (exponent > 6) throw corrupt(`block size 2^${10 + exponent}`);
  return 1024 << exponent;
}

function parseInodeSize(view: DataView, blockSize: number): number {
  if (view.getUint32(0x4c, true) === 0) return 128;
  const size = view.getUint16(0x58, true);
  if (size < 128 || size > blockSize || (size & (size - 1)) !== 0) throw corrupt(`inodes of ${size} bytes`);
  return size;
}

function parseDescriptorSize(view: DataView, is64bit: boolean, blockSize: number): number {
  if (!is64bit) return 32;
  const size = view.getUint16(0xfe, true);
  if (size < 64 || size > Math.min(1024, blockSize) || (size & (size - 1)) !== 0) {
    throw corrupt(`group descriptors of ${size} bytes`);
  }
  return size;
}

function parseChecksumSeed(view: DataView, bytes: Uint8Array, incompatBits: number): number {
  const type = view.getUint8(0x175);
  if (type !== 1) throw corrupt(`checksum type ${type}`);
  if (crc32c(0xffffffff, bytes.subarray(0, 0x3fc)) !== view.getUint32(0x3fc, true)) {
    throw new ImageError('image.ext4.checksum', 'The ext4 superblock has a wrong checksum', {
      at: superblockAt,
      remedy: 'Check the file system with e2fsck, or write the image again.',
    });
  }
  if ((incompatBits & incompat.csumSeed) !== 0) return view.getUint32(0x270, true);
  return crc32c(0xffffffff, bytes.subarray(0x68, 0x78));
}

function requireGeometry(s: Superblock, window: RandomAccess): void {
  const { blockSize, blocksPerGroup, inodesPerGroup } = s;
  if (s.firstDataBlock !== (blockSize === 1024 ? 1 : 0) && s.firstDataBlock !== 0) {
    throw corrupt(`first data block ${s.firstDataBlock}`);
  }
  // One bitmap block describes a group; bigalloc counts in clusters but never fewer blocks than bits.
  if (blocksPerGroup === 0 || blocksPerGroup > blockSize * 8 * 0x8000)
    throw corrupt(`${blocksPerGroup} blocks a group`);
  if (inodesPerGroup === 0 || inodesPerGroup > blockSize * 8) throw corrupt(`${inodesPerGroup} inodes a group`);
  if (s.blockCount <= s.firstDataBlock) throw corrupt(`${s.blockCount} blocks`);
  if (s.blockCount * blockSize > window.size) {
    throw new ImageError(
      'image.ext4.past-end',
      `The ext4 file system says it has ${s.blockCount * blockSize} bytes, but there are ${window.size}`,
      { at: superblockAt, remedy: 'The image is cut short, or its partition is too small for the file system.' },
    );
  }
  if (s.inodeCount > s.groupCount * inodesPerGroup) throw corrupt(`${s.inodeCount} inodes`);
}

/** Reads and checks the superblock. Throws `image.ext4.*`. */
export async function readSuperblock(window: RandomAccess): Promise<Superblock> {
  if (window.size < superblockAt + superblockSize) {
    throw new ImageError('image.ext4.not-ext4', `${window.size} bytes are too few for an ext4 file system`);
  }
  const bytes = await window.read(superblockAt, superblockSize);
  const view = viewOf(bytes);
  if (view.getUint16(0x38, true) !== 0xef53) {
    throw new ImageError('image.ext4.not-ext4', 'There is no ext2, ext3 or ext4 superblock', { at: superblockAt });
  }
  const superblock = parse(view, bytes);
  requireGeometry(superblock, window);
  return superblock;
}

interface FeatureBits {
  compat: number;
  incompat: number;
  roCompat: number;
}

function parse(view: DataView, bytes: Uint8Array): Superblock {
  const old = view.getUint32(0x4c, true) === 0;
  const bits: FeatureBits = old
    ? { compat: 0, incompat: 0, roCompat: 0 }
    : {
        compat: view.getUint32(0x5c, true),
        incompat: view.getUint32(0x60, true),
        roCompat: view.getUint32(0x64, true),
      };
  requireReadable(bits.incompat);
  const is64bit = (bits.incompat & incompat.is64bit) !== 0;
  const blockSize = parseBlockSize(view);
  const high = (at: number): number => (is64bit ? view.getUint32(at, true) : 0);
  const blockCount = join64(high(0x150), view.getUint32(0x04, true), 'The block count');
  const firstDataBlock = view.getUint32(0x14, true);
  const blocksPerGroup = view.getUint32(0x20, true);
  const hasChecksums = (bits.roCompat & roCompat.metadataCsum) !== 0;
  return {
    blockSize,
    blockCount,
    firstDataBlock,
    blocksPerGroup,
    groupCount: Math.ceil((blockCount - firstDataBlock) / blocksPerGroup),
    inodeCount: view.getUint32(0, true),
    inodesPerGroup: view.getUint32(0x28, true),
    inodeSize: parseInodeSize(view, blockSize),
    descriptorSize: parseDescriptorSize(view, is64bit, blockSize),
    ...parseGroups(view, bits),
    hasFileTypes: (bits.incompat & incompat.filetype) !== 0,
    hasEaInode: (bits.incompat & incompat.eaInode) !== 0,
    checksumSeed: hasChecksums ? parseChecksumSeed(view, bytes, bits.incompat) : undefined,
    needsRecovery: (bits.incompat & incompat.recover) !== 0,
    journal: parseJournal(view, bits),
    label: bufferOf(bytes).toString('utf8', 0x78, 0x88).replace(/\0.*$/su, ''),
    uuid: formatUuid(bytes.subarray(0x68, 0x78)),
    usedBytes: usedBytes(view, bits, blockSize, blockCount, high(0x158)),
    features: featureNames(bits),
  };
}

/** A journal in a file names its inode; one on another device has its UUID here, and no inode. */
function parseJournal(view: DataView, bits: FeatureBits): Superblock['journal'] {
  if ((bits.compat & compat.hasJournal) === 0) return undefined;
  const inode = view.getUint32(0xe0, true);
  return inode === 0 ? 'external' : { inode };
}

function parseGroups(
  view: DataView,
  bits: FeatureBits,
): Pick<Superblock, 'firstMetaBlockGroup' | 'backupGroups' | 'sparseSuper'> {
  const two = (bits.compat & compat.sparseSuper2) !== 0;
  return {
    firstMetaBlockGroup: (bits.incompat & incompat.metaBg) !== 0 ? view.getUint32(0x104, true) : undefined,
    backupGroups: two ? [view.getUint32(0x24c, true), view.getUint32(0x250, true)] : undefined,
    sparseSuper: (bits.roCompat & roCompat.sparseSuper) !== 0,
  };
}

/** Free space is counted in blocks, or in clusters under bigalloc. */
function usedBytes(view: DataView, bits: FeatureBits, blockSize: number, blockCount: number, freeHigh: number): number {
  const free = join64(freeHigh, view.getUint32(0x0c, true), 'The free block count');
  const extra = (bits.roCompat & roCompat.bigalloc) !== 0 ? view.getUint32(0x1c, true) - view.getUint32(0x18, true) : 0;
  return Math.max(0, blockCount - free * 2 ** Math.min(Math.max(extra, 0), 32)) * blockSize;
}
