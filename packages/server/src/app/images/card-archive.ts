import type { FileSource } from '../../domain/boot-plan.js';
import type { CardFile } from '../../domain/card-files.js';
import { tarEnd, tarHeader, tarPadding } from '../../domain/tar.js';
import type { BlobStore } from '../blobs/ports.js';

const zeroes = Buffer.alloc(64 * 1024);

/** The bytes of a file, in pieces. */
export async function* bytesOfFile(
  blobs: Pick<BlobStore, 'stream'>,
  { segments }: FileSource,
): AsyncGenerator<Uint8Array> {
  for (const segment of segments) {
    if ('inline' in segment) yield Buffer.from(segment.inline, 'base64');
    else if ('zero' in segment) {
      for (let left = segment.length; left > 0; left -= zeroes.length) yield zeroes.subarray(0, left);
    } else if (segment.length > 0) {
      const { blob, offset, length } = segment;
      yield* blobs.stream(blob, { start: offset, end: offset + length - 1 }) as AsyncIterable<Uint8Array>;
    }
  }
}

/** `a/b/c` is below `a/` and `a/b/`. */
const foldersOf = (path: string): string[] => [...path.matchAll(/\//g)].map(({ index }) => path.slice(0, index + 1));

/** The files as a tar, made while it is read: the same files give the same bytes. */
export async function* cardArchive(
  blobs: Pick<BlobStore, 'stream'>,
  files: readonly CardFile[],
  time: number,
): AsyncGenerator<Uint8Array> {
  const made = new Set<string>();
  for (const { path, source } of files) {
    for (const folder of foldersOf(path).filter((each) => !made.has(each.toLowerCase()))) {
      made.add(folder.toLowerCase());
      yield tarHeader(folder, { mode: 0o755, size: 0, time });
    }
    yield tarHeader(path, { mode: 0o644, size: source.size, time });
    yield* bytesOfFile(blobs, source);
    yield tarPadding(source.size);
  }
  yield tarEnd;
}
