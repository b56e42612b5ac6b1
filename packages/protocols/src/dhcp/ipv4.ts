/** IPv4 addresses as dotted quads (values) and as unsigned 32-bit numbers (arithmetic). */

export const anyAddress = '0.0.0.0';
export const limitedBroadcast = '255.255.255.255';

/** The number of a dotted quad of four decimal bytes, or undefined for anything else. */
export function ipv4ToNumber(text: string): number | undefined {
  const parts = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text)?.slice(1).map(Number);
  if (!parts || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

export function ipv4FromNumber(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

/**
 * The four bytes of a dotted quad.
 * @throws RangeError when it is none: a fault of the caller, addresses from the wire are well formed by construction.
 */
export function ipv4ToBytes(text: string): Uint8Array {
  const number = ipv4ToNumber(text);
  if (number === undefined) throw new RangeError(`${text} is no IPv4 address`);
  return new Uint8Array([24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff));
}

/** The dotted quad of the four bytes at `at`. */
export function ipv4FromBytes(bytes: Uint8Array, at = 0): string {
  return Array.from(bytes.subarray(at, at + 4)).join('.');
}
