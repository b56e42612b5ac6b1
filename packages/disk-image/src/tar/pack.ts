import { ImageError } from '../errors.js';
import type { Content } from '../ext4/content.js';
import type { Inode } from '../ext4/inode.js';
import { encodeName } from '../ext4/names.js';
import type { Ext4Reader } from '../ext4/reader.js';
import type { Ext4Volume, Xattr } from '../ext4/types.js';
import { readerOf } from '../ext4/volume.js';
import { walkTree, type WalkStep } from '../ext4/walk.js';
import { squashfsTime } from '../squashfs/root.js';
import { encodeHeader, padding, tarBlock, typeFlag, type TarEntry } from './header.js';
import type { PackTarOptions } from './types.js';

const defaultLimit = 64 * 1024 ** 3;
const chunkSize = 1024 * 1024;

/** Gathers small pieces into large chunks and counts what was made. */
class TarSink {
  private pieces: Uint8Array[] = [];
  private pending = 0;
  private made = 0;
  private readonly options: PackTarOptions;

  constructor(options: PackTarOptions) {
    this.options = options;
  }

  get full(): boolean {
    return this.pending >= chunkSize;
  }

  add(...pieces: Uint8Array[]): void {
    for (const piece of pieces) {
      this.pieces.push(piece);
      this.pending += piece.length;
    }
    const limit = this.options.limit ?? defaultLimit;
    if (this.made + this.pending > limit) {
      throw new ImageError('image.too-large', `The files of the root are more than ${limit} bytes`, {
        remedy: 'Remove large sparse files from the image, or raise the limit.',
      });
    }
  }

  flush(): Uint8Array {
    const [only] = this.pieces;
    const chunk = only !== undefined && this.pieces.length === 1 ? only : Buffer.concat(this.pieces, this.pending);
    this.made += this.pending;
    this.pieces = [];
    this.pending = 0;
    this.options.onProgress?.(this.made);
    return chunk;
  }
}

/** Keeps all files together from having more blocks than the volume: a block belongs to one file. */
class BlockBudget {
  private left: number;

  constructor(blocks: number) {
    this.left = blocks;
  }

  spend(content: Content): void {
    if ('inline' in content) return;
    this.left -= content.map.nodes;
    for (const run of content.map.runs) this.left -= run.count;
    if (this.left >= 0) return;
    throw new ImageError('image.ext4.cross-linked', 'The files together have more blocks than the volume', {
      remedy: 'Check the file system with e2fsck, or write the image again.',
    });
  }
}

function baseEntry(step: WalkStep, options: PackTarOptions): Omit<TarEntry, 'type'> {
  const { mode, uid, gid, mtime, rdev } = step.inode.stat;
  return {
    path: encodeName(step.path),
    mode,
    uid,
    gid,
    size: 0,
    mtime: options.target === 'squashfs' ? { seconds: squashfsTime(mtime), nanoseconds: 0 } : mtime,
    rdev,
  };
}

async function attributesOf(reader: Ext4Reader, step: WalkStep, options: PackTarOptions): Promise<Xattr[]> {
  const xattrs = await reader.xattrs(step.inode);
  if (options.target !== 'squashfs') return xattrs;
  return xattrs.filter(({ name }) => {
    const fits = /^(user|trusted|security)\./u.test(name);
    if (!fits) options.onSkipped?.(step.path, name);
    return fits;
  });
}

async function entryOf(reader: Ext4Reader, step: WalkStep, options: PackTarOptions): Promise<TarEntry> {
  const { kind, size } = step.inode.stat;
  const base = baseEntry(step, options);
  const xattrs = await attributesOf(reader, step, options);
  if (kind === 'directory') return { ...base, type: typeFlag.directory, path: encodeName(`${step.path}/`), xattrs };
  if (kind === 'symlink') {
    return { ...base, type: typeFlag.symlink, link: encodeName(await reader.link(step.inode)), xattrs };
  }
  if (kind === 'file') return { ...base, type: typeFlag.file, size, xattrs };
  return { ...base, type: kind === 'char' || kind === 'block' ? typeFlag[kind] : typeFlag.fifo, xattrs };
}

const isLostAndFound = (path: string): boolean => path === 'lost+found';

function requireReplayed(volume: Ext4Volume, options: PackTarOptions): void {
  if (!volume.needsRecovery || options.allowRecovery === true) return;
  throw new ImageError(
    'image.ext4.needs-recovery',
    'The root was not unmounted cleanly: its journal must be replayed',
    {
      remedy: 'Run e2fsck -p on a copy of the root partition, or shut the board down cleanly before copying its card.',
    },
  );
}

/**
 * Packs a whole volume as a pax tar: owners, modes, times, hard links, symbolic links, devices, fifos and all
 * extended attributes. The same volume gives the same bytes. Entries have no leading `./`, and there is none for
 * the root itself, because sqfstar drops it and makes the root 0777: see `patchSquashfsRoot`.
 */
export async function* packTar(volume: Ext4Volume, options: PackTarOptions = {}): AsyncIterable<Uint8Array> {
  requireReplayed(volume, options);
  const reader = readerOf(volume);
  const sink = new TarSink(options);
  const budget = new BlockBudget(reader.superblock.blockCount);
  const linked = new Map<number, Uint8Array>();
  const skip = options.skipLostAndFound === false ? undefined : isLostAndFound;
  for await (const step of walkTree(reader, skip === undefined ? {} : { skip })) {
    if (step.path === '') continue;
    const { kind, inode, nlink, size } = step.inode.stat;
    if (kind === 'socket' || (options.skipDevices === true && (kind === 'char' || kind === 'block'))) {
      options.onSkipped?.(step.path, kind);
      continue;
    }
    const first = linked.get(inode);
    if (first !== undefined) {
      sink.add(...encodeHeader({ ...baseEntry(step, options), type: typeFlag.link, link: first }));
      continue;
    }
    if (kind !== 'directory' && nlink > 1) linked.set(inode, encodeName(step.path));
    sink.add(...encodeHeader(await entryOf(reader, step, options)));
    if (kind === 'file') {
      for await (const chunk of fileBytes(reader, step.inode, budget)) {
        sink.add(chunk);
        if (sink.full) yield sink.flush();
      }
      sink.add(padding(size));
    }
    if (sink.full) yield sink.flush();
  }
  sink.add(new Uint8Array(tarBlock * 2));
  yield sink.flush();
}

async function* fileBytes(reader: Ext4Reader, inode: Inode, budget: BlockBudget): AsyncIterable<Uint8Array> {
  const content = await reader.content(inode);
  budget.spend(content);
  yield* reader.chunks(inode, content);
}
