import { ImageError } from './errors.js';

/** A DataView over exactly these bytes. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** A Buffer over exactly these bytes, without copying. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Little-endian 64-bit number. Throws `image.number-too-large` above 2^53, which no real disk reaches. */
export function getUint64(view: DataView, at: number, what: string): number {
  return join64(view.getUint32(at + 4, true), view.getUint32(at, true), what);
}

/** Two 32-bit halves as one number, with the same bound as `getUint64`. */
export function join64(high: number, low: number, what: string): number {
  const value = high * 0x1_0000_0000 + low;
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  throw new ImageError('image.number-too-large', `${what} is ${high.toString(16)}:${low.toString(16)}, beyond 2^53`);
}

export function isPowerOfTwo(value: number): boolean {
  return value > 0 && (value & (value - 1)) === 0;
}

/** Lower-case hexadecimal with leading zeros. */
export function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}

/** Sixteen bytes in their stored order as a UUID, the way ext4 writes one. */
export function formatUuid(bytes: Uint8Array): string {
  const digits = bufferOf(bytes).toString('hex');
  return [0, 8, 12, 16, 20].map((at, i, all) => digits.slice(at, all[i + 1] ?? 32)).join('-');
}

/** Sixteen bytes as a GUID: the first three fields are little-endian (UEFI 2.10, appendix A). */
export function formatGuid(bytes: Uint8Array): string {
  const view = viewOf(bytes);
  const tail = bufferOf(bytes).toString('hex', 8, 16);
  const head = [hex(view.getUint32(0, true), 8), hex(view.getUint16(4, true), 4), hex(view.getUint16(6, true), 4)];
  return `${head.join('-')}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}
