import { join64, viewOf } from '../bytes.js';
import { crc32c } from '../checksum.js';
import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import { locateInode } from './groups.js';
import type { Superblock } from './superblock.js';
import type { Ext4Stat, FileKind, Timestamp } from './types.js';

export const inodeFlag = {
  encrypted: 0x800,
  extents: 0x80000,
  eaInode: 0x200000,
  inlineData: 0x10000000,
} as const;

const kinds = new Map<number, FileKind>([
  [0x1000, 'fifo'],
  [0x2000, 'char'],
  [0x4000, 'directory'],
  [0x6000, 'block'],
  [0x8000, 'file'],
  [0xa000, 'symlink'],
  [0xc000, 'socket'],
]);

/** An inode as read from its table. */
export interface Inode {
  stat: Ext4Stat;
  flags: number;
  /** The 60 bytes of block pointers, extent root, short link target or inline data. */
  blockArea: Uint8Array;
  /** Block of extended attributes, 0 for none. */
  aclBlock: number;
  /** Attributes inside the inode, from their magic on; empty when there is no room for any. */
  attributeArea: Uint8Array;
}

/** Linux packs device numbers in two ways (new_decode_dev and old_decode_dev in include/linux/kdev_t.h). */
function decodeDevice(blockArea: DataView): Ext4Stat['rdev'] {
  const old = blockArea.getUint32(0, true);
  if (old !== 0) return { major: (old >>> 8) & 0xff, minor: old & 0xff };
  const wide = blockArea.getUint32(4, true);
  return { major: (wide >>> 8) & 0xfff, minor: (wide & 0xff) | ((wide >>> 12) & 0xfff00) };
}

/** Seconds have 32 signed bits and two more in the extra field, which also holds the nanoseconds. */
function decodeTime(view: DataView, at: number, extra: number | undefined): Timestamp {
  const seconds = view.getInt32(at, true);
  if (extra === undefined) return { seconds, nanoseconds: 0 };
  return { seconds: seconds + (extra & 3) * 0x1_0000_0000, nanoseconds: Math.min(extra >>> 2, 999_999_999) };
}

function requireChecksum(s: Superblock, bytes: Uint8Array, view: DataView, inode: number, extraSize: number): void {
  if (s.checksumSeed === undefined) return;
  const number = new Uint8Array(4);
  viewOf(number).setUint32(0, inode, true);
  const seed = crc32c(crc32c(s.checksumSeed, number), bytes.subarray(0x64, 0x68));
  const wide = bytes.length > 128 && extraSize >= 4;
  const covered = new Uint8Array(bytes);
  covered.fill(0, 0x7c, 0x7e);
  if (wide) covered.fill(0, 0x82, 0x84);
  const sum = crc32c(seed, covered);
  const stored = view.getUint16(0x7c, true) | (wide ? view.getUint16(0x82, true) << 16 : 0);
  if ((wide ? sum : sum & 0xffff) === stored >>> 0) return;
  throw new ImageError('image.ext4.checksum', `Inode ${inode} has a wrong checksum`, {
    remedy: 'Check the file system with e2fsck, or write the image again.',
  });
}

function parseStat(view: DataView, inode: number, extraSize: number): Ext4Stat {
  const mode = view.getUint16(0, true);
  const kind = kinds.get(mode & 0xf000);
  if (kind === undefined) {
    throw new ImageError('image.ext4.corrupt', `Inode ${inode} has the unknown type ${mode.toString(8)} (octal)`);
  }
  const sized = kind === 'file' || kind === 'directory';
  const isDevice = kind === 'char' || kind === 'block';
  const blockArea = new DataView(view.buffer, view.byteOffset + 0x28, 60);
  return {
    inode,
    kind,
    mode: mode & 0o7777,
    uid: view.getUint16(0x02, true) + view.getUint16(0x78, true) * 0x10000,
    gid: view.getUint16(0x18, true) + view.getUint16(0x7a, true) * 0x10000,
    size: join64(sized ? view.getUint32(0x6c, true) : 0, view.getUint32(0x04, true), `The size of inode ${inode}`),
    mtime: decodeTime(view, 0x10, extraSize >= 12 ? view.getUint32(0x88, true) : undefined),
    nlink: view.getUint16(0x1a, true),
    rdev: isDevice ? decodeDevice(blockArea) : { major: 0, minor: 0 },
  };
}

/** Reads one inode. Throws `image.ext4.*`. */
export async function readInode(source: RandomAccess, s: Superblock, inode: number): Promise<Inode> {
  const at = await locateInode(source, s, inode);
  const bytes = await source.read(at, s.inodeSize);
  const view = viewOf(bytes);
  const extraSize = s.inodeSize > 128 ? view.getUint16(0x80, true) : 0;
  if (extraSize > s.inodeSize - 128 || extraSize % 4 !== 0) {
    throw new ImageError('image.ext4.corrupt', `Inode ${inode} has ${extraSize} extra bytes`, { at });
  }
  requireChecksum(s, bytes, view, inode, extraSize);
  return {
    stat: parseStat(view, inode, extraSize),
    flags: view.getUint32(0x20, true),
    blockArea: bytes.subarray(0x28, 0x28 + 60),
    aclBlock: join64(view.getUint16(0x76, true), view.getUint32(0x68, true), `The attributes of inode ${inode}`),
    // extra_isize of 0 on a large inode means "not set up": there is nothing to read behind it.
    attributeArea: extraSize === 0 ? new Uint8Array(0) : bytes.subarray(128 + extraSize),
  };
}
