import {
  dataChunkHeaderBytes,
  encodeBlockStatusChunk,
  encodeErrorChunk,
  errno,
  holeChunkBytes,
  chunkHeaderBytes,
  putDataChunkHeader,
  putHoleChunk,
  putNoneChunk,
  putSimpleReply,
  shapeExtents,
  simpleReplyBytes,
  type NbdErrorName,
  type NbdSession,
} from '@drover/protocols/nbd';
import type { DiskContent, DiskExtent } from '../../app/disks/ports.js';
import { shapeContent } from './content.js';
import type { Outbox } from './outbox.js';

/** Puts replies into an outbox in the form that was negotiated. A cookie is what the request came with. */
export class Replier {
  private readonly outbox: Outbox;
  private readonly structured: boolean;
  private readonly allocationContext: number;

  constructor(outbox: Outbox, session: NbdSession) {
    this.outbox = outbox;
    this.structured = session.structuredReplies;
    this.allocationContext = session.allocationContext ?? 0;
  }

  /** Success of anything but READ and BLOCK_STATUS: a simple reply is allowed in any case, and shorter. */
  done(cookieHigh: number, cookieLow: number): void {
    const at = this.outbox.reserve(simpleReplyBytes);
    putSimpleReply(this.outbox.slab, at, 0, cookieHigh, cookieLow);
  }

  refused(error: NbdErrorName, message: string, cookieHigh: number, cookieLow: number): void {
    if (this.structured) return this.outbox.append(encodeErrorChunk(error, message, cookieHigh, cookieLow));
    const at = this.outbox.reserve(simpleReplyBytes);
    putSimpleReply(this.outbox.slab, at, errno[error], cookieHigh, cookieLow);
  }

  /** What a READ brought; false when it is not `length` bytes, and then nothing is sent. `whole`: in one chunk. */
  content(
    content: DiskContent,
    offset: number,
    length: number,
    whole: boolean,
    cookieHigh: number,
    cookieLow: number,
  ): boolean {
    if (content instanceof Uint8Array && length > 0) {
      if (content.length !== length) return false;
      this.dataHeader(true, offset, length, cookieHigh, cookieLow);
      this.outbox.append(content);
      return true;
    }
    return this.pieces(content, offset, length, whole, cookieHigh, cookieLow);
  }

  private dataHeader(done: boolean, offset: number, length: number, cookieHigh: number, cookieLow: number): void {
    const { outbox } = this;
    if (this.structured) {
      const at = outbox.reserve(dataChunkHeaderBytes);
      putDataChunkHeader(outbox.slab, at, done, cookieHigh, cookieLow, offset, length);
    } else {
      const at = outbox.reserve(simpleReplyBytes);
      putSimpleReply(outbox.slab, at, 0, cookieHigh, cookieLow);
    }
  }

  private nothing(cookieHigh: number, cookieLow: number): void {
    if (!this.structured) return this.done(cookieHigh, cookieLow);
    const at = this.outbox.reserve(chunkHeaderBytes);
    putNoneChunk(this.outbox.slab, at, cookieHigh, cookieLow);
  }

  private pieces(
    content: DiskContent,
    offset: number,
    length: number,
    whole: boolean,
    cookieHigh: number,
    cookieLow: number,
  ): boolean {
    const { outbox } = this;
    let runs = shapeContent(content, length, this.structured);
    // "If the area being read contains both data and a hole, the server MUST use NBD_REPLY_TYPE_OFFSET_DATA"
    if (runs && runs.length > 1 && whole) runs = shapeContent(content, length, false);
    if (!runs) return false;
    if (runs.length === 0) {
      // Nothing was asked for, and a chunk of content has at least one byte.
      this.nothing(cookieHigh, cookieLow);
      return true;
    }
    let at = offset;
    for (const [index, run] of runs.entries()) {
      const done = index === runs.length - 1;
      if (run.parts) {
        this.dataHeader(done, at, run.length, cookieHigh, cookieLow);
        for (const part of run.parts) outbox.append(part);
      } else {
        const to = outbox.reserve(holeChunkBytes);
        putHoleChunk(outbox.slab, to, done, cookieHigh, cookieLow, at, run.length);
      }
      at += run.length;
    }
    return true;
  }

  status(extents: Iterable<DiskExtent>, length: number, one: boolean, cookieHigh: number, cookieLow: number): void {
    const shaped = shapeExtents(extents, length, one);
    this.outbox.append(encodeBlockStatusChunk(this.allocationContext, shaped, cookieHigh, cookieLow));
  }
}
