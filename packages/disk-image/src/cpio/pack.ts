import { ImageError } from '../errors.js';
import { align4, headerLength, newcMagic, requireCpioPath, trailerName, typeBits } from './format.js';
import type { CpioEntry, PackCpioOptions } from './types.js';

/** Archives end on this boundary, so that one can be put behind another. */
const archiveAlignment = 512;
const defaultModes = {
  directory: 0o755,
  file: 0o644,
  symlink: 0o777,
  char: 0o600,
  block: 0o600,
  fifo: 0o600,
} as const;

interface Fields {
  inode: number;
  mode: number;
  uid: number;
  gid: number;
  nlink: number;
  mtime: number;
  major: number;
  minor: number;
  name: string;
  data: Uint8Array;
}

function requireField(name: string, value: number, path: string): number {
  if (Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value;
  throw new ImageError('image.cpio.entry', `${path}: ${name} is ${value}, not a number of 32 bits`);
}

function encode(fields: Fields): Buffer {
  const name = Buffer.from(fields.name, 'utf8');
  const dataAt = align4(headerLength + name.length + 1);
  const record = Buffer.alloc(dataAt + align4(fields.data.length));
  const numbers = [
    requireField('inode', fields.inode, fields.name),
    requireField('mode', fields.mode, fields.name),
    requireField('uid', fields.uid, fields.name),
    requireField('gid', fields.gid, fields.name),
    fields.nlink,
    requireField('mtime', fields.mtime, fields.name),
    requireField('size', fields.data.length, fields.name),
    0,
    0,
    requireField('major', fields.major, fields.name),
    requireField('minor', fields.minor, fields.name),
    name.length + 1,
    0,
  ];
  const text = newcMagic + numbers.map((value) => value.toString(16).padStart(8, '0')).join('');
  record.write(text, 0, 'latin1');
  name.copy(record, headerLength);
  record.set(fields.data, dataAt);
  return record;
}

function dataOf(entry: CpioEntry): Uint8Array {
  if (entry.kind === 'file') return entry.data;
  return entry.kind === 'symlink' ? Buffer.from(entry.target, 'utf8') : new Uint8Array(0);
}

function fieldsOf(entry: CpioEntry, inode: number, mtime: number): Fields {
  const mode = entry.mode ?? defaultModes[entry.kind];
  if ((mode & ~0o7777) !== 0) {
    throw new ImageError('image.cpio.entry', `${entry.path}: mode ${mode.toString(8)} (octal) has more than 12 bits`);
  }
  const device = entry.kind === 'char' || entry.kind === 'block' ? entry : { major: 0, minor: 0 };
  return {
    inode,
    mode: typeBits[entry.kind] | mode,
    uid: entry.uid ?? 0,
    gid: entry.gid ?? 0,
    nlink: entry.kind === 'directory' ? 2 : 1,
    mtime: entry.mtime ?? mtime,
    major: device.major,
    minor: device.minor,
    name: entry.path,
    data: dataOf(entry),
  };
}

/** Puts in, before each entry, the parent directories that nothing has listed yet. */
function* withParents(entries: Iterable<CpioEntry>): Iterable<CpioEntry> {
  const listed = new Set<string>();
  for (const entry of entries) {
    const parts = entry.path.split('/');
    for (let depth = 1; depth < parts.length; depth++) {
      const path = parts.slice(0, depth).join('/');
      if (listed.has(path)) continue;
      listed.add(path);
      yield { kind: 'directory', path };
    }
    if (entry.kind === 'directory') listed.add(entry.path);
    yield entry;
  }
}

/**
 * Packs entries as a newc cpio archive, in their order, with inode numbers counted from 1. The same entries give
 * the same bytes, and archives can be put one behind the other to make one initramfs. Throws
 * `image.cpio.entry` for what an archive cannot hold.
 */
export function packCpio(entries: Iterable<CpioEntry>, options: PackCpioOptions = {}): Uint8Array {
  const records: Buffer[] = [];
  const seen = new Set<string>();
  let length = 0;
  const add = (fields: Fields): void => {
    const record = encode(fields);
    records.push(record);
    length += record.length;
  };
  for (const entry of options.parents === false ? entries : withParents(entries)) {
    requireCpioPath(entry.path);
    if (seen.has(entry.path)) throw new ImageError('image.cpio.entry', `${entry.path} is listed twice`);
    seen.add(entry.path);
    add(fieldsOf(entry, seen.size, options.mtime ?? 0));
  }
  const none = { inode: 0, mode: 0, uid: 0, gid: 0, mtime: 0, major: 0, minor: 0 };
  add({ ...none, nlink: 1, name: trailerName, data: new Uint8Array(0) });
  const padding = (archiveAlignment - (length % archiveAlignment)) % archiveAlignment;
  return Buffer.concat([...records, Buffer.alloc(padding)], length + padding);
}
