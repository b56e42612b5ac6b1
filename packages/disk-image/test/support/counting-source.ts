import { ImageError, type RandomAccess } from '../../src/index.js';

export interface WorkLimit {
  reads: number;
  bytes: number;
}

/** What a parser may spend on an image of this size: generous, but far from unbounded. */
export const workLimit = (size: number): WorkLimit => ({ reads: 20_000, bytes: size * 16 + 4 * 1024 * 1024 });

export class WorkExceeded extends Error {}

/**
 * A source in memory that fails the test when a parser reads without end or asks for what is no range at all.
 * Reads past the end are the parser's right: they are answered with `image.truncated`.
 */
export class CountingSource implements RandomAccess {
  readonly size: number;
  reads = 0;
  bytesRead = 0;
  private readonly bytes: Uint8Array;
  private readonly limit: WorkLimit;

  constructor(bytes: Uint8Array, limit: WorkLimit = workLimit(bytes.length)) {
    this.bytes = bytes;
    this.size = bytes.length;
    this.limit = limit;
  }

  async read(offset: number, length: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(offset) || !Number.isSafeInteger(length) || offset < 0 || length < 0) {
      throw new RangeError(`read(${offset}, ${length}) is no range`);
    }
    this.reads += 1;
    this.bytesRead += length;
    if (this.reads > this.limit.reads || this.bytesRead > this.limit.bytes) {
      throw new WorkExceeded(`${this.reads} reads of ${this.bytesRead} bytes`);
    }
    if (offset + length > this.size) throw new ImageError('image.truncated', 'past the end');
    return this.bytes.subarray(offset, offset + length);
  }
}
