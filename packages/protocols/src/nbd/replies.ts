import { encodeMessage, putUint16, putUint32, putUint64 } from './bytes.js';
import { chunkType, errno, replyFlag, simpleReplyMagic, structuredReplyMagic, type NbdErrorName } from './constants.js';

/*
 * Replies of the transmission phase. Headers are written into memory of the caller's, at `at`, and the payload is sent
 * behind them as it is: nothing is copied that need not be. A cookie is the two halves a request came with.
 */

export const simpleReplyBytes = 16;
/** Header of any structured reply chunk. */
export const chunkHeaderBytes = 20;
/** Header of a chunk of data, with the offset. */
export const dataChunkHeaderBytes = chunkHeaderBytes + 8;
export const holeChunkBytes = chunkHeaderBytes + 12;

/** proto.md, "Simple reply message". `error` 0 is success; only then data follow, and only to a READ. */
export function putSimpleReply(
  bytes: Uint8Array,
  at: number,
  error: number,
  cookieHigh: number,
  cookieLow: number,
): void {
  putUint32(bytes, at, simpleReplyMagic);
  putUint32(bytes, at + 4, error);
  putUint32(bytes, at + 8, cookieHigh);
  putUint32(bytes, at + 12, cookieLow);
}

function putChunkHeader(
  bytes: Uint8Array,
  at: number,
  typeAndFlags: number,
  cookieHigh: number,
  cookieLow: number,
  length: number,
): void {
  putUint32(bytes, at, structuredReplyMagic);
  putUint32(bytes, at + 4, typeAndFlags);
  putUint32(bytes, at + 8, cookieHigh);
  putUint32(bytes, at + 12, cookieLow);
  putUint32(bytes, at + 16, length);
}

const last = (done: boolean): number => (done ? replyFlag.done << 16 : 0);

/** NBD_REPLY_TYPE_NONE: the end of a reply that had no error, and the whole of one without payload. */
export function putNoneChunk(bytes: Uint8Array, at: number, cookieHigh: number, cookieLow: number): void {
  putChunkHeader(bytes, at, last(true) | chunkType.none, cookieHigh, cookieLow, 0);
}

/** NBD_REPLY_TYPE_OFFSET_DATA; `length` bytes of data, at least one, follow. */
export function putDataChunkHeader(
  bytes: Uint8Array,
  at: number,
  done: boolean,
  cookieHigh: number,
  cookieLow: number,
  offset: number,
  length: number,
): void {
  putChunkHeader(bytes, at, last(done) | chunkType.offsetData, cookieHigh, cookieLow, 8 + length);
  putUint64(bytes, at + chunkHeaderBytes, offset);
}

/** NBD_REPLY_TYPE_OFFSET_HOLE: `length` bytes, at least one, that read as zeroes. */
export function putHoleChunk(
  bytes: Uint8Array,
  at: number,
  done: boolean,
  cookieHigh: number,
  cookieLow: number,
  offset: number,
  length: number,
): void {
  putChunkHeader(bytes, at, last(done) | chunkType.offsetHole, cookieHigh, cookieLow, 12);
  putUint64(bytes, at + chunkHeaderBytes, offset);
  putUint32(bytes, at + chunkHeaderBytes + 8, length);
}

/** NBD_REPLY_TYPE_ERROR as the last chunk, with at most 256 bytes of message. */
export function encodeErrorChunk(
  error: NbdErrorName,
  message: string,
  cookieHigh: number,
  cookieLow: number,
): Uint8Array {
  const text = encodeMessage(message, 256);
  const bytes = new Uint8Array(chunkHeaderBytes + 6 + text.length);
  putChunkHeader(bytes, 0, last(true) | chunkType.error, cookieHigh, cookieLow, 6 + text.length);
  putUint32(bytes, chunkHeaderBytes, errno[error]);
  putUint16(bytes, chunkHeaderBytes + 4, text.length);
  bytes.set(text, chunkHeaderBytes + 6);
  return bytes;
}

/** A run of bytes with the same status: flags of the metadata context `base:allocation`. */
export interface NbdExtent {
  /** Bytes, at least one. */
  readonly length: number;
  readonly flags: number;
}

/** NBD_REPLY_TYPE_BLOCK_STATUS as the last chunk. */
export function encodeBlockStatusChunk(
  context: number,
  extents: readonly NbdExtent[],
  cookieHigh: number,
  cookieLow: number,
): Uint8Array {
  const bytes = new Uint8Array(chunkHeaderBytes + 4 + 8 * extents.length);
  putChunkHeader(bytes, 0, last(true) | chunkType.blockStatus, cookieHigh, cookieLow, bytes.length - chunkHeaderBytes);
  putUint32(bytes, chunkHeaderBytes, context);
  let at = chunkHeaderBytes + 4;
  for (const { length, flags } of extents) {
    putUint32(bytes, at, length);
    putUint32(bytes, at + 4, flags);
    at += 8;
  }
  return bytes;
}
