import { int32, uint16, uint32 } from './bytes.js';
import { command, requestMagic } from './constants.js';

/** What is there: nothing yet, a request, the end of a WRITE's payload that was taken or skipped, or no NBD at all. */
export type NbdParsed = 'more' | 'request' | 'payload' | 'skipped' | 'fault';

/**
 * Reads the requests of the transmission phase (proto.md, "Request message") from chunks as they come from a socket.
 *
 * The fields hold the request read last until `next` tells of another; nothing is allocated for a request. After a WRITE
 * one of `takePayload` and `skipPayload` has to be called, so that nothing is kept for a request that is refused.
 */
export interface NbdRequestParser {
  /** Command flags. */
  readonly flags: number;
  /** Request type. */
  readonly type: number;
  /** What the reply has to repeat, 64 bits in two signed halves ("cookie", formerly "handle"). */
  readonly cookieHigh: number;
  readonly cookieLow: number;
  /** Bytes; exact below 2^53, and beyond that still greater than any export. */
  readonly offset: number;
  /** The low 32 bits of the offset, signed: enough to judge its alignment. */
  readonly offsetLow: number;
  /** Bytes, 0 to 2^32 - 1. */
  readonly length: number;
  /** A payload has begun and is not complete. */
  readonly inPayload: boolean;
  /** Bytes of the next chunk; only when `next` said `more`. The parser keeps it and gives out views of it. */
  push(chunk: Uint8Array): void;
  next(): NbdParsed;
  /**
   * Takes the payload of the WRITE in hand: a view of the chunk when all of it has come. Otherwise undefined, `next`
   * says `payload` when it is complete, and `payload` returns it: it was copied once, into memory from `allocate`.
   */
  takePayload(allocate: (length: number) => Uint8Array): Uint8Array | undefined;
  /** The payload that `next` told of. */
  payload(): Uint8Array;
  /**
   * Drops the payload of the WRITE in hand as it comes; `next` says `skipped` at its end. Answer it then and not
   * earlier: clients do not expect a reply to a request they have not finished.
   */
  skipPayload(): void;
}

export const requestHeaderBytes = 28;

export function createRequestParser(): NbdRequestParser {
  return new RequestParser();
}

class RequestParser implements NbdRequestParser {
  flags = 0;
  type = 0;
  cookieHigh = 0;
  cookieLow = 0;
  offset = 0;
  offsetLow = 0;
  length = 0;
  private chunk: Uint8Array = nothing;
  private at = 0;
  /** The beginning of a header whose end is in the next chunk. */
  private readonly header = new Uint8Array(requestHeaderBytes);
  private headerFilled = 0;
  private target: Uint8Array | undefined;
  private targetFilled = 0;
  private skipping = false;
  private toSkip = 0;
  /** A WRITE was told of, and nobody has said what becomes of its payload. */
  private undecided = false;
  private broken = false;

  get inPayload(): boolean {
    return this.target !== undefined || this.skipping;
  }

  push(chunk: Uint8Array): void {
    if (this.at !== this.chunk.length) throw new Error('a chunk was pushed before the one pushed earlier was used up');
    this.chunk = chunk;
    this.at = 0;
  }

  next(): NbdParsed {
    if (this.broken) return 'fault';
    if (this.undecided) throw new Error('the payload of the WRITE was neither taken nor skipped');
    if (this.target !== undefined) return this.fillTarget(this.target) ? 'payload' : 'more';
    if (this.skipping) return this.skip() ? 'skipped' : 'more';
    const { chunk, at } = this;
    if (this.headerFilled === 0 && chunk.length - at >= requestHeaderBytes) {
      this.at = at + requestHeaderBytes;
      return this.read(chunk, at);
    }
    if (!this.fillHeader()) return 'more';
    return this.read(this.header, 0);
  }

  takePayload(allocate: (length: number) => Uint8Array): Uint8Array | undefined {
    this.decide();
    const { at, length } = this;
    if (this.chunk.length - at >= length) {
      this.at = at + length;
      return this.chunk.subarray(at, at + length);
    }
    this.target = allocate(length);
    this.targetFilled = 0;
    return undefined;
  }

  payload(): Uint8Array {
    const { target } = this;
    if (target === undefined || this.targetFilled < target.length) throw new Error('the payload is not complete');
    this.target = undefined;
    return target;
  }

  skipPayload(): void {
    this.decide();
    this.skipping = true;
    this.toSkip = this.length;
  }

  private decide(): void {
    if (!this.undecided) throw new Error('there is no WRITE in hand');
    this.undecided = false;
  }

  private read(bytes: Uint8Array, at: number): NbdParsed {
    // A client that has lost its place cannot be followed: "MAY initiate a hard disconnect".
    if (int32(bytes, at) !== requestMagic) {
      this.broken = true;
      return 'fault';
    }
    this.flags = uint16(bytes, at + 4);
    this.type = uint16(bytes, at + 6);
    this.cookieHigh = int32(bytes, at + 8);
    this.cookieLow = int32(bytes, at + 12);
    this.offsetLow = int32(bytes, at + 20);
    this.offset = uint32(bytes, at + 16) * 2 ** 32 + (this.offsetLow >>> 0);
    this.length = uint32(bytes, at + 24);
    this.undecided = this.type === command.write;
    return 'request';
  }

  private fillHeader(): boolean {
    const part = this.rest(requestHeaderBytes - this.headerFilled);
    this.header.set(part, this.headerFilled);
    this.headerFilled += part.length;
    if (this.headerFilled < requestHeaderBytes) return false;
    this.headerFilled = 0;
    return true;
  }

  private fillTarget(target: Uint8Array): boolean {
    const part = this.rest(target.length - this.targetFilled);
    target.set(part, this.targetFilled);
    this.targetFilled += part.length;
    return this.targetFilled === target.length;
  }

  private skip(): boolean {
    this.toSkip -= this.rest(this.toSkip).length;
    this.skipping = this.toSkip > 0;
    return !this.skipping;
  }

  /** Takes what the chunk has left, `most` bytes of it at most. */
  private rest(most: number): Uint8Array {
    const { at } = this;
    this.at = Math.min(this.chunk.length, at + most);
    return this.chunk.subarray(at, this.at);
  }
}

const nothing = new Uint8Array(0);
