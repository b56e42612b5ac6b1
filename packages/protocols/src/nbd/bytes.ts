/** Big-endian numbers: everything in NBD is in network byte order (proto.md, "Conventions"). */

export const uint16 = (bytes: Uint8Array, at: number): number => (bytes[at]! << 8) | bytes[at + 1]!;

/** 32 bits as a signed number: what V8 keeps without allocating. `>>> 0` makes it unsigned. */
export const int32 = (bytes: Uint8Array, at: number): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;

export const uint32 = (bytes: Uint8Array, at: number): number => int32(bytes, at) >>> 0;

/** 64 bits unsigned. Exact up to 2^53; beyond that the nearest number, which is still beyond. */
export const uint64 = (bytes: Uint8Array, at: number): number => uint32(bytes, at) * 2 ** 32 + uint32(bytes, at + 4);

export function putUint16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

/** The low 32 bits of a whole number, signed or not. */
export function putUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** A whole number from 0 to 2^53. */
export function putUint64(bytes: Uint8Array, at: number, value: number): void {
  putUint32(bytes, at, Math.floor(value / 2 ** 32));
  putUint32(bytes, at + 4, value >>> 0);
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** proto.md, "Conventions": a string MUST be no longer than 4096 bytes. */
export const maxStringBytes = 4096;

/** A string of the protocol, or undefined when it is too long, no UTF-8 or has a NUL (proto.md, "Conventions"). */
export function decodeString(bytes: Uint8Array): string | undefined {
  if (bytes.length > maxStringBytes || bytes.includes(0)) return undefined;
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

export const encodeString = (text: string): Uint8Array => encoder.encode(text);

/** UTF-8 of a text for a person: NULs taken out, cut at `most` bytes between two characters. */
export function encodeMessage(text: string, most: number): Uint8Array {
  const bytes = encoder.encode(text.replaceAll('\0', ''));
  if (bytes.length <= most) return bytes;
  let end = most;
  while (end > 0 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return bytes.subarray(0, end);
}
