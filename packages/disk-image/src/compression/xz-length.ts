import { bufferOf, viewOf } from '../bytes.js';
import { crc32 } from '../checksum.js';

const footerLength = 12;
const flagsInHeader = 6;

/**
 * Length of the first xz stream, found by its footer: a CRC, the size of the index, the flags of the header once
 * more, "YZ" (xz file format 1.2, section 2.1.2). All the bytes when there is none.
 */
export function xzStreamLength(bytes: Uint8Array): number {
  const buffer = bufferOf(bytes);
  const view = viewOf(bytes);
  for (let at = buffer.indexOf('YZ', footerLength); at !== -1; at = buffer.indexOf('YZ', at + 1)) {
    const footer = at + 2 - footerLength;
    const sameFlags = view.getUint16(at - 2) === view.getUint16(flagsInHeader);
    if (sameFlags && crc32(bytes.subarray(footer + 4, at)) === view.getUint32(footer, true)) return at + 2;
  }
  return bytes.length;
}
