import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import { mapBlocks, type BlockMap, type Run } from './blocks.js';
import { inodeFlag, type Inode } from './inode.js';
import type { Superblock } from './superblock.js';
import { readInlineRest } from './xattrs.js';

const chunkSize = 1024 * 1024;
const zeros = new Uint8Array(chunkSize);
/** Runs at least this long are read on their own; shorter ones share a cached page with their neighbours. */
const directFrom = 128 * 1024;

/** The volume as two sources: `meta` caches small pages, `data` larger ones for small files, `raw` nothing. */
export interface Sources {
  raw: RandomAccess;
  meta: RandomAccess;
  data: RandomAccess;
}

/** Content of an inode: either held inline or in runs of blocks. */
export type Content = { inline: Uint8Array } | { map: BlockMap };

/** Finds the content of a file, directory or long symbolic link. */
export async function locateContent(sources: Sources, s: Superblock, inode: Inode): Promise<Content> {
  if ((inode.flags & inodeFlag.encrypted) !== 0) {
    throw new ImageError('image.ext4.unsupported', `Inode ${inode.stat.inode} is encrypted`);
  }
  if ((inode.flags & inodeFlag.inlineData) === 0) return { map: await mapBlocks(sources.meta, s, inode) };
  const { size } = inode.stat;
  const first = inode.blockArea.subarray(0, Math.min(size, inode.blockArea.length));
  const rest = size > first.length ? await readInlineRest(sources.meta, s, inode) : new Uint8Array(0);
  return { inline: Buffer.concat([first, rest.subarray(0, size - first.length)]) };
}

function* zeroChunks(length: number): Iterable<Uint8Array> {
  for (let left = length; left > 0; left -= chunkSize) yield zeros.subarray(0, Math.min(left, chunkSize));
}

async function* runChunks(sources: Sources, s: Superblock, run: Run, size: number): AsyncIterable<Uint8Array> {
  const length = Math.min(run.count * s.blockSize, size - run.logical * s.blockSize);
  const source = length >= directFrom ? sources.raw : sources.data;
  for (let done = 0; done < length; done += chunkSize) {
    yield await source.read(run.physical * s.blockSize + done, Math.min(chunkSize, length - done));
  }
}

/** The bytes of a content in order, exactly `size` of them, holes as zeros. Chunks must not be changed. */
export async function* contentChunks(
  sources: Sources,
  s: Superblock,
  content: Content,
  size: number,
): AsyncIterable<Uint8Array> {
  if ('inline' in content) {
    if (content.inline.length > 0) yield content.inline;
    // A file that grew without being written reads as zeros behind its inline part, as in Linux.
    yield* zeroChunks(size - content.inline.length);
    return;
  }
  let at = 0;
  for (const run of content.map.runs) {
    const start = run.logical * s.blockSize;
    yield* zeroChunks(start - at);
    yield* runChunks(sources, s, run, size);
    at = Math.min(size, start + run.count * s.blockSize);
  }
  yield* zeroChunks(size - at);
}

/** The whole content in one array. The caller has checked `size` against a limit. */
export async function readContent(
  sources: Sources,
  s: Superblock,
  content: Content,
  size: number,
): Promise<Uint8Array> {
  const out = new Uint8Array(size);
  let at = 0;
  for await (const chunk of contentChunks(sources, s, content, size)) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
