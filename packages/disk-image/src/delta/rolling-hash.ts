const multiplier = 0x2c1b3c6d;

/**
 * A polynomial over the last `length` bytes, modulo 2^32: it moves on by one byte without looking at the others. Equal bytes have equal hashes; equal hashes
 * say little, so whoever finds one compares.
 */
export class RollingHash {
  readonly length: number;
  /** What a byte that leaves has become meanwhile. */
  private readonly leaving = new Int32Array(256);
  private value = 0;

  constructor(length: number) {
    this.length = length;
    let power = 1;
    for (let i = 0; i < length; i += 1) power = Math.imul(power, multiplier);
    for (let byte = 0; byte < 256; byte += 1) this.leaving[byte] = Math.imul(byte + 1, power);
  }

  /** The hash of the bytes from `at`. */
  start(bytes: Uint8Array, at: number): number {
    let value = 0;
    // One more than the byte, so that zeros count.
    for (let i = at; i < at + this.length; i += 1)
      value = (Math.imul(value, multiplier) + (bytes[i] as number) + 1) | 0;
    this.value = value;
    return value >>> 0;
  }

  /** The hash one byte further: `out` leaves, `next` comes. */
  roll(out: number, next: number): number {
    this.value = (Math.imul(this.value, multiplier) + next + 1 - (this.leaving[out] as number)) | 0;
    return this.value >>> 0;
  }
}
