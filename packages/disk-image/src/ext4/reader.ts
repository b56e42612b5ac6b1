import { ImageError } from '../errors.js';
import { cachedSource, type RandomAccess } from '../source.js';
import { contentChunks, locateContent, readContent, type Content, type Sources } from './content.js';
import { parseDirectoryBlock, type DirectoryLayout } from './directory.js';
import { inodeFlag, readInode, type Inode } from './inode.js';
import { decodeName } from './names.js';
import type { Superblock } from './superblock.js';
import type { DirectoryEntry, Xattr } from './types.js';
import { readXattrs } from './xattrs.js';

/** Together the most memory one open volume keeps for its caches: 24 MiB and 8 MiB. */
const metaCache = { pageSize: 64 * 1024, pages: 384 };
const dataCache = { pageSize: 512 * 1024, pages: 16 };
const maxDirectoryBytes = 256 * 1024 * 1024;
/** Links shorter than this are kept in the inode, unless it says that it has extents or inline data. */
const fastLinkLimit = 60;
const maxLinkLength = 4096;
/** Bytes at the start of an inline directory that hold its parent's number, and the length of its first part. */
const inlineParent = 4;
const inlineFirst = 60;

/** Reads inodes and what they hold, by number. Paths and walks are built on it. */
export class Ext4Reader {
  readonly superblock: Superblock;
  private readonly sources: Sources;

  constructor(window: RandomAccess, superblock: Superblock) {
    this.superblock = superblock;
    this.sources = { raw: window, meta: cachedSource(window, metaCache), data: cachedSource(window, dataCache) };
  }

  inode(number: number): Promise<Inode> {
    return readInode(this.sources.meta, this.superblock, number);
  }

  content(inode: Inode): Promise<Content> {
    return locateContent(this.sources, this.superblock, inode);
  }

  chunks(inode: Inode, content: Content): AsyncIterable<Uint8Array> {
    return contentChunks(this.sources, this.superblock, content, inode.stat.size);
  }

  async bytes(inode: Inode): Promise<Uint8Array> {
    return readContent(this.sources, this.superblock, await this.content(inode), inode.stat.size);
  }

  async directory(inode: Inode): Promise<DirectoryEntry[]> {
    const { inode: number, size } = inode.stat;
    if (size > maxDirectoryBytes) {
      throw new ImageError('image.too-large', `The folder of inode ${number} has ${size} bytes`);
    }
    const { blockSize, hasFileTypes } = this.superblock;
    const layout: DirectoryLayout = { inode: number, blockSize, hasFileTypes };
    const content = await this.content(inode);
    const entries: DirectoryEntry[] = [];
    if ('inline' in content) {
      parseDirectoryBlock(content.inline.subarray(inlineParent, inlineFirst), layout, entries);
      parseDirectoryBlock(content.inline.subarray(inlineFirst), layout, entries);
      return entries;
    }
    for (const run of content.map.runs) {
      const bytes = await this.sources.meta.read(run.physical * blockSize, run.count * blockSize);
      for (let at = 0; at < bytes.length; at += blockSize) {
        parseDirectoryBlock(bytes.subarray(at, at + blockSize), layout, entries);
      }
    }
    return entries;
  }

  async link(inode: Inode): Promise<string> {
    const { size, inode: number, kind } = inode.stat;
    if (kind !== 'symlink') throw new ImageError('image.not-a-file', `Inode ${number} is no symbolic link`);
    if (size > maxLinkLength) {
      throw new ImageError('image.ext4.corrupt', `The symbolic link of inode ${number} has ${size} bytes`);
    }
    const fast = size < fastLinkLimit && (inode.flags & (inodeFlag.extents | inodeFlag.inlineData)) === 0;
    const bytes = fast ? inode.blockArea.subarray(0, size) : await this.bytes(inode);
    if (bytes.length > 0 && !bytes.includes(0)) return decodeName(bytes);
    throw new ImageError('image.ext4.corrupt', `The symbolic link of inode ${number} is empty or has a NUL`);
  }

  xattrs(inode: Inode): Promise<Xattr[]> {
    return readXattrs(this.sources.meta, this.superblock, inode, (holder, size) => this.holder(holder, size));
  }

  /** Content of an inode that holds the value of an attribute. */
  private async holder(number: number, size: number): Promise<Uint8Array> {
    const inode = await this.inode(number);
    if ((inode.flags & inodeFlag.eaInode) !== 0 && inode.stat.size === size) return this.bytes(inode);
    throw new ImageError('image.ext4.corrupt', `Inode ${number} does not hold an attribute of ${size} bytes`);
  }
}
