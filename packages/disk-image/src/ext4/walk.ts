import { ImageError } from '../errors.js';
import type { Inode } from './inode.js';
import { rootInode } from './lookup.js';
import type { Ext4Reader } from './reader.js';
import type { DirectoryEntry } from './types.js';

const maxPathBytes = 4096;

export interface WalkStep {
  /** Without a leading slash; empty for the root. */
  path: string;
  inode: Inode;
}

export interface WalkOptions {
  /** Folders not to enter; they are not given out either. */
  skip?: (path: string) => boolean;
}

/**
 * Goes through the tree, parents before children, names in order. Work is bounded: no folder is entered twice, and
 * all folders together have no more bytes than the volume.
 */
export async function* walkTree(reader: Ext4Reader, options: WalkOptions = {}): AsyncIterable<WalkStep> {
  const { blockCount, blockSize } = reader.superblock;
  const entered = new Set<number>();
  let bytesLeft = blockCount * blockSize;
  const stack: { path: string; number: number }[] = [{ path: '', number: rootInode }];
  for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
    const { path, number } = next;
    const inode = await reader.inode(number);
    const isFolder = inode.stat.kind === 'directory';
    if (isFolder && options.skip?.(path) === true) continue;
    yield { path, inode };
    if (!isFolder) continue;
    if (entered.has(number)) {
      throw new ImageError('image.ext4.directory-loop', `The folder ${path} is in the tree twice`);
    }
    entered.add(number);
    bytesLeft -= inode.stat.size;
    if (bytesLeft < 0) throw new ImageError('image.ext4.cross-linked', 'The folders together exceed the volume');
    const entries = sorted(await reader.directory(inode), path);
    for (const entry of entries) stack.push({ path: join(path, entry.name), number: entry.inode });
  }
}

function join(parent: string, name: string): string {
  const path = parent === '' ? name : `${parent}/${name}`;
  if (path.length <= maxPathBytes) return path;
  throw new ImageError('image.ext4.path-too-long', `${path.slice(0, 80)}... is longer than ${maxPathBytes} bytes`);
}

/** Last name first, because the stack gives them back in reverse. */
function sorted(entries: DirectoryEntry[], path: string): DirectoryEntry[] {
  entries.sort((a, b) => (a.name < b.name ? 1 : -1));
  entries.forEach((entry, i) => {
    if (i === 0 || entries[i - 1]?.name !== entry.name) return;
    throw new ImageError('image.ext4.corrupt', `${join(path, entry.name)} is there twice`, {
      remedy: 'Check the file system with e2fsck, or write the image again.',
    });
  });
  return entries;
}
