import { isUtf8 } from 'node:buffer';
import { bufferOf } from '../bytes.js';

const escapeBase = 0xdc00;

/**
 * File names of ext4 are bytes. UTF-8 becomes text; where a name is no UTF-8, each odd byte becomes the lone
 * surrogate U+DC00 plus the byte, which no valid UTF-8 decodes to, so that `encodeName` gives the bytes back.
 */
export function decodeName(bytes: Uint8Array): string {
  if (isUtf8(bytes)) return bufferOf(bytes).toString('utf8');
  let name = '';
  for (let at = 0; at < bytes.length;) {
    const length = validLength(bytes, at);
    if (length === 0) name += String.fromCharCode(escapeBase + (bytes[at] as number));
    else name += bufferOf(bytes).toString('utf8', at, at + length);
    at += Math.max(length, 1);
  }
  return name;
}

/** Length of the valid UTF-8 character at this place, or 0. */
function validLength(bytes: Uint8Array, at: number): number {
  for (let length = 1; length <= 4 && at + length <= bytes.length; length++) {
    if (isUtf8(bytes.subarray(at, at + length))) return length;
  }
  return 0;
}

/** The bytes of a name that `decodeName` made, or of any text without lone surrogates. */
export function encodeName(name: string): Uint8Array {
  if (!/[\udc80-\udcff]/u.test(name)) return Buffer.from(name, 'utf8');
  const parts: Buffer[] = [];
  for (const character of name) {
    const point = character.codePointAt(0) as number;
    const escaped = point >= escapeBase + 0x80 && point <= escapeBase + 0xff;
    parts.push(escaped ? Buffer.from([point - escapeBase]) : Buffer.from(character, 'utf8'));
  }
  return Buffer.concat(parts);
}
