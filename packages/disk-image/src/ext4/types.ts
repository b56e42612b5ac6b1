import type { JournalUse } from './journal/types.js';

export type FileKind = 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo' | 'socket';

export interface Timestamp {
  /** Since 1970; negative before. */
  seconds: number;
  /** 0 to 999,999,999. */
  nanoseconds: number;
}

export interface Ext4Stat {
  inode: number;
  kind: FileKind;
  /** The lower 12 bits: permissions, set-id and sticky. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes. */
  size: number;
  mtime: Timestamp;
  nlink: number;
  /** Device numbers of character and block devices; zeros otherwise. */
  rdev: { major: number; minor: number };
}

export interface DirectoryEntry {
  /** Bytes that are no UTF-8 are kept as lone surrogates U+DC80 to U+DCFF: `encodeName` turns them back. */
  name: string;
  inode: number;
}

export interface Xattr {
  /** With its prefix: `security.capability`. POSIX ACLs are in the form of `getxattr(2)`, not of the disk. */
  name: string;
  value: Uint8Array;
}

export interface WalkEntry {
  /** Without a leading slash; empty for the root. */
  path: string;
  inode: number;
  kind: FileKind;
  stat: Ext4Stat;
}

/**
 * An ext2, ext3 or ext4 file system, read in place. Paths are inside the volume, with or without a leading
 * slash; symbolic links are followed inside the volume only.
 */
export interface Ext4Volume {
  readonly label: string;
  readonly uuid: string;
  readonly blockSize: number;
  /** Bytes of the file system. */
  readonly size: number;
  /** Bytes in use, metadata included. */
  readonly usedBytes: number;
  readonly inodeCount: number;
  /** Names of the set features, as `dumpe2fs` writes them. */
  readonly features: readonly string[];
  /** It was not unmounted in order: its journal must be replayed before others read what lies on the disk. */
  readonly needsRecovery: boolean;
  /** What became of the journal. Unless it is of no use, everything here is read as after its replay. */
  readonly journal: JournalUse;
  /** Inode of a path, or undefined. `followLast` (default true) follows a link in the last place. */
  resolve(path: string, options?: { followLast?: boolean }): Promise<number | undefined>;
  stat(path: string): Promise<Ext4Stat | undefined>;
  lstat(path: string): Promise<Ext4Stat | undefined>;
  statInode(inode: number): Promise<Ext4Stat>;
  /** Without `.` and `..`, in the order of the disk. Throws `image.not-found`, `image.not-a-directory`. */
  readdir(path: string): Promise<DirectoryEntry[]>;
  /** Throws `image.not-found`, `image.not-a-file` when it is no link. */
  readlink(path: string): Promise<string>;
  readlinkInode(inode: number): Promise<string>;
  /** Throws `image.not-found`, `image.not-a-file`, or `image.too-large` above `limit` bytes (64 MiB). */
  readFile(path: string, limit?: number): Promise<Uint8Array>;
  /** The content of a regular file in order, holes as zeros, in chunks of at most 1 MiB. */
  fileChunks(inode: number): AsyncIterable<Uint8Array>;
  /** Sorted by name. */
  xattrs(inode: number): Promise<Xattr[]>;
  /** Depth first, parents before children, names sorted by their bytes; starts with the root, path ''. */
  walk(): AsyncIterable<WalkEntry>;
}
