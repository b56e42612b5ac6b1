import { createHash } from 'node:crypto';
import type { FileSource, Segment } from '../../../domain/boot-plan.js';
import type { BlobStore } from '../../blobs/ports.js';

export interface SegmentReader {
  /**
   * `length` bytes at `offset`, fewer only at the end of the file. At once when they lie in one cached piece; a view of shared memory, never to be
   * written. Rejects when a blob cannot be read.
   */
  read(file: FileSource, offset: number, length: number): Uint8Array | Promise<Uint8Array>;
  /** Bytes the cache holds. */
  cachedBytes(): number;
}

interface SegmentReaderDeps {
  readonly blobs: Pick<BlobStore, 'read'>;
  readonly cacheBytes: number;
  /** Bytes read from a blob at once. */
  readonly pieceBytes?: number;
}

const defaultPiece = 128 * 1024;

type BlobSegment = Extract<Segment, { blob: string }>;

interface Piece {
  readonly bytes: Uint8Array;
}

/** Reads boot files in place. Boards of one image read the same pieces at nearly the same time, so pieces are cached by blob, whoever asks. */
export function createSegmentReader({
  blobs,
  cacheBytes,
  pieceBytes = defaultPiece,
}: SegmentReaderDeps): SegmentReader {
  const pieces = new Map<string, Piece>();
  const loading = new Map<string, Promise<Uint8Array>>();
  const inline = new WeakMap<Segment, Uint8Array>();
  let held = 0;

  const keep = (key: string, bytes: Uint8Array): void => {
    pieces.set(key, { bytes });
    held += bytes.length;
    for (const [oldest, piece] of pieces) {
      if (held <= cacheBytes || oldest === key) break;
      pieces.delete(oldest);
      held -= piece.bytes.length;
    }
  };

  const cached = (key: string): Uint8Array | undefined => {
    const piece = pieces.get(key);
    if (piece === undefined) return undefined;
    pieces.delete(key);
    pieces.set(key, piece);
    return piece.bytes;
  };

  /** The piece of a segment that holds `at`: pieces are counted from the segment's start, so that none reaches beyond it. */
  const pieceAt = (segment: BlobSegment, at: number): Uint8Array | Promise<Uint8Array> => {
    const start = at - (at % pieceBytes);
    const length = Math.min(pieceBytes, segment.length - start);
    const key = `${segment.blob} ${segment.offset + start} ${length}`;
    const known = cached(key) ?? loading.get(key);
    if (known !== undefined) return known;
    const reading = blobs.read(segment.blob, segment.offset + start, length).then((bytes) => {
      keep(key, bytes);
      return bytes;
    });
    loading.set(key, reading);
    const done = (): void => void loading.delete(key);
    reading.then(done, done);
    return reading;
  };

  const decoded = (segment: Segment & { inline: string }): Uint8Array => {
    const known = inline.get(segment);
    if (known !== undefined) return known;
    const bytes = Buffer.from(segment.inline, 'base64');
    inline.set(segment, bytes);
    return bytes;
  };

  /** Some bytes of one segment: up to the end of the piece they lie in. */
  const some = (segment: Segment, at: number, length: number): Uint8Array | Promise<Uint8Array> => {
    if ('zero' in segment) return new Uint8Array(Math.min(length, pieceBytes));
    if ('inline' in segment) return decoded(segment).subarray(at, at + length);
    const within = at % pieceBytes;
    const piece = pieceAt(segment, at);
    return piece instanceof Promise
      ? piece.then((bytes) => bytes.subarray(within, within + length))
      : piece.subarray(within, within + length);
  };

  const gather = async (file: FileSource, offset: number, length: number): Promise<Uint8Array> => {
    const out = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const { segment, at } = locate(file, offset + done);
      const bytes = await some(segment, at, Math.min(length - done, segment.length - at));
      if (bytes.length === 0) throw new Error('a segment gave no bytes where there must be some');
      out.set(bytes, done);
      done += bytes.length;
    }
    return out;
  };

  return {
    read: (file, offset, wanted) => {
      const length = Math.max(0, Math.min(wanted, file.size - offset));
      if (length === 0) return new Uint8Array(0);
      const { segment, at } = locate(file, offset);
      const isOnePiece = segment.length - at >= length && (at % pieceBytes) + length <= pieceBytes;
      return isOnePiece ? some(segment, at, length) : gather(file, offset, length);
    },
    cachedBytes: () => held,
  };
}

/** The segment a byte of the file lies in, and where in it. `offset` must be below the size. */
export function locate(file: FileSource, offset: number): { segment: Segment; index: number; at: number } {
  let start = 0;
  for (const [index, segment] of file.segments.entries()) {
    if (offset < start + segment.length) return { segment, index, at: offset - start };
    start += segment.length;
  }
  throw new RangeError(`offset ${offset} is beyond the ${file.size} bytes of the file`);
}

const tags = new WeakMap<FileSource, string>();

/** Names the bytes of a file: where they come from, which is content-addressed. */
export function tagOf(file: FileSource): string {
  const known = tags.get(file);
  if (known !== undefined) return known;
  const tag = createHash('sha256').update(JSON.stringify(file.segments)).digest('hex').slice(0, 32);
  tags.set(file, tag);
  return tag;
}
