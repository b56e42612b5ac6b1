/** What is wrong with zstd data. Callers of this folder turn it into an ImageError. */
export class ZstdDamage extends Error {}

/**
 * A bit stream that is read from its end to its start (RFC 8878, 4.1). The last byte has a 1 bit as end mark. Bits
 * in front of the first one read as zeros and make `left` negative: it is for the caller to judge.
 */
export class BackwardBits {
  /** Bits not read yet. */
  left: number;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    const last = bytes.at(-1) ?? 0;
    if (last === 0) throw new ZstdDamage('a bit stream without its end mark');
    this.bytes = bytes;
    this.left = (bytes.length - 1) * 8 + (31 - Math.clz32(last));
  }

  /** The next `count` bits, at most 24, without taking them. */
  peek(count: number): number {
    const from = this.left - count;
    if (from < 0) return this.left <= 0 ? 0 : (this.at(0) & ((1 << this.left) - 1)) << -from;
    return (this.at(from >>> 3) >>> (from & 7)) & ((1 << count) - 1);
  }

  read(count: number): number {
    const value = this.peek(count);
    this.left -= count;
    return value;
  }

  /** Up to 31 bits. */
  readLong(count: number): number {
    if (count <= 16) return this.read(count);
    const high = this.read(count - 16);
    return high * 0x10000 + this.read(16);
  }

  private at(index: number): number {
    const { bytes } = this;
    // Reading past the end gives undefined, which counts as 0 here.
    return (
      (bytes[index] as number) |
      ((bytes[index + 1] as number) << 8) |
      ((bytes[index + 2] as number) << 16) |
      ((bytes[index + 3] as number) << 24)
    );
  }
}

/** A bit stream read forwards, as table descriptions are. */
export class ForwardBits {
  private position = 0;
  private readonly bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }

  /** Whole bytes touched so far. */
  get bytesUsed(): number {
    return Math.ceil(this.position / 8);
  }

  /** Up to 16 bits. */
  read(count: number): number {
    const index = this.position >>> 3;
    if (this.position + count > this.bytes.length * 8) throw new ZstdDamage('a table description is cut short');
    const { bytes } = this;
    const word = (bytes[index] as number) | ((bytes[index + 1] as number) << 8) | ((bytes[index + 2] as number) << 16);
    const value = (word >>> (this.position & 7)) & ((1 << count) - 1);
    this.position += count;
    return value;
  }

  back(count: number): void {
    this.position -= count;
  }
}
