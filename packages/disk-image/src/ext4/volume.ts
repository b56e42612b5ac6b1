import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import type { Inode } from './inode.js';
import { readThroughJournal } from './journal/open.js';
import { PathLookup } from './lookup.js';
import { Ext4Reader } from './reader.js';
import { readSuperblock } from './superblock.js';
import type { Ext4Stat, Ext4Volume, WalkEntry } from './types.js';
import { walkTree } from './walk.js';

const defaultReadLimit = 64 * 1024 * 1024;
const readers = new WeakMap<Ext4Volume, Ext4Reader>();

/** The reader under a volume that `openExt4` made, for code of this package that needs maps of blocks. */
export function readerOf(volume: Ext4Volume): Ext4Reader {
  const reader = readers.get(volume);
  if (reader === undefined) throw new TypeError('The volume was not opened by openExt4');
  return reader;
}

const absent = (path: string): ImageError =>
  new ImageError('image.not-found', `There is no ${path} on the ext4 volume`);

/** Everything that starts from a path. */
function byPath(reader: Ext4Reader) {
  const lookup = new PathLookup(reader);
  const inodeAt = async (path: string, followLast = true): Promise<Inode> => {
    const number = await lookup.find(path, followLast);
    if (number === undefined) throw absent(path);
    return reader.inode(number);
  };
  const statAt = async (path: string, followLast: boolean): Promise<Ext4Stat | undefined> => {
    const number = await lookup.find(path, followLast);
    return number === undefined ? undefined : (await reader.inode(number)).stat;
  };
  return {
    resolve: (path: string, options: { followLast?: boolean } = {}) => lookup.find(path, options.followLast ?? true),
    stat: (path: string) => statAt(path, true),
    lstat: (path: string) => statAt(path, false),
    readdir: async (path: string) => {
      const inode = await inodeAt(path);
      if (inode.stat.kind === 'directory') return reader.directory(inode);
      throw new ImageError('image.not-a-directory', `${path} is no folder`);
    },
    readlink: async (path: string) => reader.link(await inodeAt(path, false)),
    readFile: async (path: string, limit = defaultReadLimit) => {
      const inode = await inodeAt(path);
      if (inode.stat.kind !== 'file') throw new ImageError('image.not-a-file', `${path} is no regular file`);
      if (inode.stat.size <= limit) return reader.bytes(inode);
      throw new ImageError(
        'image.too-large',
        `${path} has ${inode.stat.size} bytes, more than the ${limit} allowed here`,
      );
    },
  };
}

async function* fileChunks(reader: Ext4Reader, number: number): AsyncIterable<Uint8Array> {
  const inode = await reader.inode(number);
  if (inode.stat.kind !== 'file') throw new ImageError('image.not-a-file', `Inode ${number} is no regular file`);
  yield* reader.chunks(inode, await reader.content(inode));
}

async function* walk(reader: Ext4Reader): AsyncIterable<WalkEntry> {
  for await (const { path, inode } of walkTree(reader)) {
    yield { path, inode: inode.stat.inode, kind: inode.stat.kind, stat: inode.stat };
  }
}

/**
 * Opens an ext2, ext3 or ext4 file system read-only. One that was not unmounted in order is read through its journal, as a kernel finds it after
 * its replay; when that is not possible it is read as it lies on the disk: see `journal`. Throws `image.ext4.*` or `image.truncated`.
 */
export async function openExt4(window: RandomAccess): Promise<Ext4Volume> {
  const onDisk = await readSuperblock(window);
  const { source, use } = await readThroughJournal(window, onDisk);
  const s = source === window ? onDisk : await readSuperblock(source);
  const reader = new Ext4Reader(source, s);
  const volume: Ext4Volume = {
    label: s.label,
    uuid: s.uuid,
    blockSize: s.blockSize,
    size: s.blockCount * s.blockSize,
    usedBytes: s.usedBytes,
    inodeCount: s.inodeCount,
    features: s.features,
    needsRecovery: onDisk.needsRecovery,
    journal: use,
    ...byPath(reader),
    statInode: async (inode) => (await reader.inode(inode)).stat,
    readlinkInode: async (inode) => reader.link(await reader.inode(inode)),
    fileChunks: (inode) => fileChunks(reader, inode),
    xattrs: async (inode) => reader.xattrs(await reader.inode(inode)),
    walk: () => walk(reader),
  };
  readers.set(volume, reader);
  return volume;
}
