import { ZstdDamage } from './bits.js';

export class OutputFull extends Error {}

/** What was decompressed so far, in one growing buffer that never exceeds its limit. */
export class Output {
  private bytes: Uint8Array;
  private length = 0;
  private frameStart = 0;
  private readonly limit: number;

  constructor(expected: number, limit: number) {
    this.limit = limit;
    this.bytes = new Uint8Array(Math.min(expected, limit));
  }

  /** Matches reach back to here only. */
  startFrame(): void {
    this.frameStart = this.length;
  }

  /** Appends the bytes of `part` from `from` up to `end`. */
  append(part: Uint8Array, from: number, end: number): void {
    const count = end - from;
    this.reserve(count);
    const { bytes, length } = this;
    // For the few bytes of a usual run a loop is faster than making a view.
    if (count > 32) bytes.set(part.subarray(from, end), length);
    else for (let i = 0; i < count; i++) bytes[length + i] = part[from + i] as number;
    this.length += count;
  }

  fill(byte: number, count: number): void {
    this.reserve(count);
    this.bytes.fill(byte, this.length, this.length + count);
    this.length += count;
  }

  /** Copies from `offset` bytes back; the copy may run into what it writes. */
  repeat(offset: number, count: number): void {
    const from = this.length - offset;
    if (from < this.frameStart) throw new ZstdDamage('a match in front of the start');
    this.reserve(count);
    const { bytes, length } = this;
    if (offset >= count && count > 32) bytes.copyWithin(length, from, from + count);
    else for (let i = 0; i < count; i++) bytes[length + i] = bytes[from + i] as number;
    this.length += count;
  }

  result(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }

  private reserve(count: number): void {
    const wanted = this.length + count;
    if (wanted > this.limit) throw new OutputFull();
    if (wanted <= this.bytes.length) return;
    const larger = new Uint8Array(Math.min(this.limit, Math.max(wanted, this.bytes.length * 2)));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }
}
