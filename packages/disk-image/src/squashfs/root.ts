import { getUint64, viewOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import type { Ext4Stat } from '../ext4/types.js';
import type { RandomAccess } from '../source.js';

/** What is kept of a root folder. */
export type SquashfsRoot = Pick<Ext4Stat, 'mode' | 'uid' | 'gid' | 'mtime'>;

/** Bytes to be written at an offset of a squashfs file. */
export interface SquashfsPatch {
  offset: number;
  bytes: Uint8Array;
}

const magic = 0x73717368;
const superblockLength = 96;
const uncompressed = 0x8000;
const idsPerBlock = 2048;
const inodeHeaderLength = 12;
const folderTypes = new Set([1, 8]);

/** Squashfs counts seconds in 32 bits without sign. */
export const squashfsTime = ({ seconds }: SquashfsRoot['mtime']): number => Math.min(Math.max(seconds, 0), 0xffffffff);

/**
 * Options of mksquashfs and sqfstar for the root folder, since both drop an entry for it in a tar. Version 4.5.1
 * honours the mode only: the root gets the owner and the time of the process. With `-noI` as well, which leaves
 * inodes and ids uncompressed, `patchSquashfsRoot` puts the rest right afterwards.
 */
export function squashfsRootOptions(root: SquashfsRoot): string[] {
  const { mode, uid, gid, mtime } = root;
  return [
    ...['-root-mode', mode.toString(8)],
    ...['-root-uid', String(uid)],
    ...['-root-gid', String(gid)],
    ...['-root-time', String(squashfsTime(mtime))],
  ];
}

function cannot(why: string, at: number): ImageError {
  return new ImageError('image.squashfs.root', `The root folder of the squashfs cannot be changed: ${why}`, {
    at,
    remedy: 'Make it with -noI, from files of which one has the same owner.',
  });
}

/** Offset of the content of a metadata block, which must be stored as it is. */
async function openMetadata(source: RandomAccess, at: number): Promise<{ at: number; length: number }> {
  const header = viewOf(await source.read(at, 2)).getUint16(0, true);
  if ((header & uncompressed) === 0) throw cannot('its metadata is compressed', at);
  return { at: at + 2, length: header & ~uncompressed };
}

/** Indexes of owners in the table of ids. */
async function findIds(source: RandomAccess, tableAt: number, count: number): Promise<Map<number, number>> {
  const blocks = viewOf(await source.read(tableAt, Math.ceil(count / idsPerBlock) * 8));
  const found = new Map<number, number>();
  for (let index = 0; index < count; index += idsPerBlock) {
    const block = await openMetadata(source, getUint64(blocks, (index / idsPerBlock) * 8, 'The table of ids'));
    const here = Math.min(count - index, idsPerBlock);
    const ids = viewOf(await source.read(block.at, here * 4));
    for (let i = 0; i < here; i++) found.set(ids.getUint32(i * 4, true), index + i);
  }
  return found;
}

/**
 * The change that gives a squashfs file (version 4) the owner, mode and time of a root folder. The owner must be
 * that of some file in it. Throws `image.squashfs.root` when that is not so, or inodes are compressed.
 */
export async function patchSquashfsRoot(source: RandomAccess, root: SquashfsRoot): Promise<SquashfsPatch> {
  const superblock = viewOf(await source.read(0, superblockLength));
  if (superblock.getUint32(0, true) !== magic) throw cannot('there is no squashfs', 0);
  const ids = await findIds(source, getUint64(superblock, 48, 'The table of ids'), superblock.getUint16(26, true));
  const reference = getUint64(superblock, 32, 'The root inode');
  const blockAt = getUint64(superblock, 64, 'The inode table') + Math.floor(reference / 0x10000);
  const block = await openMetadata(source, blockAt);
  const within = reference % 0x10000;
  if (within + inodeHeaderLength > block.length) throw cannot('its inode is not whole', blockAt);
  const offset = block.at + within;
  const bytes = new Uint8Array(await source.read(offset, inodeHeaderLength));
  const inode = viewOf(bytes);
  if (!folderTypes.has(inode.getUint16(0, true))) throw cannot('its inode is no folder', offset);
  const uid = ids.get(root.uid);
  const gid = ids.get(root.gid);
  if (uid === undefined || gid === undefined) throw cannot(`no file belongs to ${root.uid}:${root.gid}`, offset);
  inode.setUint16(2, root.mode, true);
  inode.setUint16(4, uid, true);
  inode.setUint16(6, gid, true);
  inode.setUint32(8, squashfsTime(root.mtime), true);
  return { offset, bytes };
}
