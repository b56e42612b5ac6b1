import { bufferOf } from '../bytes.js';
import { ImageError } from '../errors.js';
import { align4, headerLength, newcCrcMagic, newcMagic, trailerName, typeBits } from './format.js';
import type { CpioRecord } from './types.js';

const maxNameLength = 4096;

const corrupt = (at: number, why: string): ImageError =>
  new ImageError('image.cpio.corrupt', `The cpio archive is damaged at byte ${at}: ${why}`, { at });

const kinds = new Map(Object.entries(typeBits).map(([kind, bits]) => [bits as number, kind as CpioRecord['kind']]));

/** The thirteen numbers of a header, in the order of the format. */
function parseNumbers(header: Buffer, at: number): number[] {
  const text = header.toString('latin1', at, at + headerLength);
  const magic = text.slice(0, 6);
  if (magic !== newcMagic && magic !== newcCrcMagic) throw corrupt(at, 'no newc header');
  const digits = text.slice(6);
  if (!/^[0-9a-fA-F]{104}$/u.test(digits)) throw corrupt(at, 'a header with other than hexadecimal digits');
  return Array.from({ length: 13 }, (_, i) => parseInt(digits.slice(i * 8, i * 8 + 8), 16));
}

function parseRecord(buffer: Buffer, at: number): { record: CpioRecord | undefined; end: number } {
  if (at + headerLength > buffer.length) throw corrupt(at, 'a header is cut short');
  const [inode, mode, uid, gid, nlink, mtime, size, , , major, minor, nameLength] = parseNumbers(buffer, at) as [
    ...[number, number, number, number, number, number, number, number, number, number, number, number],
  ];
  if (nameLength < 1 || nameLength > maxNameLength) throw corrupt(at, `a name of ${nameLength} bytes`);
  const nameEnd = at + headerLength + nameLength;
  const dataAt = align4(nameEnd);
  const end = align4(dataAt + size);
  if (dataAt + size > buffer.length) throw corrupt(at, 'an entry is cut short');
  if (buffer[nameEnd - 1] !== 0) throw corrupt(at, 'a name without its end');
  const path = buffer.toString('utf8', at + headerLength, nameEnd - 1);
  if (path === trailerName) return { record: undefined, end };
  const kind = kinds.get(mode & 0xf000);
  if (kind === undefined) throw corrupt(at, `${JSON.stringify(path)} has the unknown type ${mode.toString(8)} (octal)`);
  const data = buffer.subarray(dataAt, dataAt + size);
  return { record: { path, kind, inode, mode: mode & 0o7777, uid, gid, nlink, mtime, major, minor, data }, end };
}

/**
 * Reads the entries of a newc archive, or of several one behind the other with zeros between, as the kernel does.
 * Content is not copied. Throws `image.cpio.corrupt`.
 */
export function readCpio(bytes: Uint8Array): CpioRecord[] {
  const buffer = bufferOf(bytes);
  const records: CpioRecord[] = [];
  let inArchive = false;
  for (let at = 0; at < buffer.length;) {
    if (!inArchive && buffer[at] === 0) {
      at += 1;
      continue;
    }
    const { record, end } = parseRecord(buffer, at);
    inArchive = record !== undefined;
    if (record !== undefined) records.push(record);
    at = end;
  }
  if (inArchive) throw corrupt(buffer.length, 'there is no trailer');
  return records;
}
