import { ImageError } from '../errors.js';
import type { Ext4Reader } from './reader.js';

export const rootInode = 2;
const maxLinks = 40;
const maxPathLength = 4096;
const foldersKept = 64;
/** Folders larger than this are not worth their memory. */
const maxKeptEntries = 20_000;

/** Finds inodes by path. Keeps the folders it read last, for the many look-ups in the same few. */
export class PathLookup {
  private readonly reader: Ext4Reader;
  private readonly folders = new Map<number, Map<string, number>>();

  constructor(reader: Ext4Reader) {
    this.reader = reader;
  }

  /** Undefined when a part is absent or lies below something that is no folder. Throws on link loops. */
  async find(path: string, followLast: boolean): Promise<number | undefined> {
    const trail = [rootInode];
    const pending = split(path).reverse();
    for (let links = 0; pending.length > 0;) {
      const name = pending.pop() as string;
      const here = trail.at(-1) as number;
      if (name === '..') {
        if (trail.length > 1) trail.pop();
        continue;
      }
      const found = await this.child(here, name);
      if (found === undefined) return undefined;
      const target = followLast || pending.length > 0 ? await this.linkTarget(found) : undefined;
      if (target === undefined) {
        trail.push(found);
        continue;
      }
      if (++links > maxLinks) {
        throw new ImageError('image.ext4.symlink-loop', `${path} leads through more than ${maxLinks} symbolic links`);
      }
      if (target.startsWith('/')) trail.length = 1;
      pending.push(...split(target).reverse());
      if (pending.length > maxPathLength) throw tooLong(path);
    }
    return trail.at(-1);
  }

  private async linkTarget(number: number): Promise<string | undefined> {
    const inode = await this.reader.inode(number);
    return inode.stat.kind === 'symlink' ? this.reader.link(inode) : undefined;
  }

  private async child(folder: number, name: string): Promise<number | undefined> {
    const known = this.folders.get(folder);
    if (known !== undefined) return known.get(name);
    const inode = await this.reader.inode(folder);
    if (inode.stat.kind !== 'directory') return undefined;
    const entries = await this.reader.directory(inode);
    const names = new Map(entries.map((entry) => [entry.name, entry.inode]));
    if (entries.length <= maxKeptEntries) this.keep(folder, names);
    return names.get(name);
  }

  private keep(folder: number, names: Map<string, number>): void {
    const oldest = this.folders.keys().next();
    if (this.folders.size >= foldersKept && oldest.done !== true) this.folders.delete(oldest.value);
    this.folders.set(folder, names);
  }
}

function tooLong(path: string): ImageError {
  return new ImageError('image.ext4.path-too-long', `${path.slice(0, 80)} is longer than ${maxPathLength} bytes`);
}

function split(path: string): string[] {
  if (path.length > maxPathLength) throw tooLong(path);
  return path.split('/').filter((part) => part !== '' && part !== '.');
}
