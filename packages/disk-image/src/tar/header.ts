import type { Timestamp } from '../ext4/types.js';

export const tarBlock = 512;

/** Type flags of POSIX.1-2001 pax. */
export const typeFlag = {
  file: '0',
  link: '1',
  symlink: '2',
  char: '3',
  block: '4',
  directory: '5',
  fifo: '6',
  pax: 'x',
} as const;

export interface TarEntry {
  type: (typeof typeFlag)[keyof typeof typeFlag];
  path: Uint8Array;
  /** Target of a link. */
  link?: Uint8Array;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: Timestamp;
  rdev?: { major: number; minor: number };
  xattrs?: readonly { name: string; value: Uint8Array }[];
}

const field = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  link: [157, 100],
  major: [329, 8],
  minor: [337, 8],
} as const;
const typeAt = 156;
const magicAt = 257;

/** The largest number that fits a field: all its bytes but the last are octal digits. */
const octalLimit = (length: number): number => 8 ** (length - 1) - 1;

function putOctal(block: Buffer, [at, length]: readonly [number, number], value: number): void {
  const fitting = value >= 0 && value <= octalLimit(length) ? value : 0;
  block.write(fitting.toString(8).padStart(length - 1, '0'), at, 'latin1');
}

function headerBlock(entry: TarEntry): Buffer {
  const block = Buffer.alloc(tarBlock);
  block.set(entry.path.subarray(0, field.name[1]), field.name[0]);
  if (entry.link !== undefined) block.set(entry.link.subarray(0, field.link[1]), field.link[0]);
  putOctal(block, field.mode, entry.mode);
  putOctal(block, field.uid, entry.uid);
  putOctal(block, field.gid, entry.gid);
  putOctal(block, field.size, entry.size);
  putOctal(block, field.mtime, entry.mtime.seconds);
  block.write(entry.type, typeAt, 'latin1');
  block.write('ustar\u000000', magicAt, 'latin1');
  putOctal(block, field.major, entry.rdev?.major ?? 0);
  putOctal(block, field.minor, entry.rdev?.minor ?? 0);
  block.fill(0x20, field.checksum[0], field.checksum[0] + field.checksum[1]);
  let sum = 0;
  for (let at = 0; at < tarBlock; at++) sum += block[at] as number;
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, field.checksum[0], 'latin1');
  return block;
}

/** One pax record: its own length in decimal, a space, keyword, `=`, value, newline. */
function paxRecord(keyword: string, value: Uint8Array): Buffer {
  const key = Buffer.from(` ${keyword}=`, 'utf8');
  const rest = key.length + value.length + 1;
  let length = rest + String(rest).length;
  if (String(length).length + rest !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(String(length), 'latin1'), key, value, Buffer.from('\n')]);
}

function decimalTime({ seconds, nanoseconds }: Timestamp): string {
  if (nanoseconds === 0) return String(seconds);
  // Negative times count on from the second before: -1 s and 0.75 s are -0.25.
  const negative = seconds < 0;
  const whole = negative ? -seconds - 1 : seconds;
  const fraction = negative ? 1_000_000_000 - nanoseconds : nanoseconds;
  return `${negative ? '-' : ''}${whole}.${String(fraction).padStart(9, '0')}`;
}

function paxRecords(entry: TarEntry): Buffer[] {
  const records: Buffer[] = [];
  const add = (keyword: string, value: string): number => records.push(paxRecord(keyword, Buffer.from(value)));
  if (entry.path.length > field.name[1]) records.push(paxRecord('path', entry.path));
  if (entry.link !== undefined && entry.link.length > field.link[1]) records.push(paxRecord('linkpath', entry.link));
  if (entry.uid > octalLimit(field.uid[1])) add('uid', String(entry.uid));
  if (entry.gid > octalLimit(field.gid[1])) add('gid', String(entry.gid));
  if (entry.size > octalLimit(field.size[1])) add('size', String(entry.size));
  const { seconds, nanoseconds } = entry.mtime;
  if (nanoseconds !== 0 || seconds < 0 || seconds > octalLimit(field.mtime[1])) add('mtime', decimalTime(entry.mtime));
  for (const { name, value } of entry.xattrs ?? []) {
    // A keyword ends at the first "=": GNU tar writes one inside a name as %3D.
    records.push(paxRecord(`SCHILY.xattr.${name.replaceAll('=', '%3D')}`, value));
  }
  return records;
}

/** Zeros that bring a length to a whole number of blocks. */
export function padding(length: number): Uint8Array {
  return new Uint8Array((tarBlock - (length % tarBlock)) % tarBlock);
}

/** The header blocks of one entry, with a pax header in front when the plain one cannot say everything. */
export function encodeHeader(entry: TarEntry): Buffer[] {
  const records = Buffer.concat(paxRecords(entry));
  const header = headerBlock(entry);
  if (records.length === 0) return [header];
  const pax = headerBlock({
    type: typeFlag.pax,
    path: Buffer.from('PaxHeaders/entry', 'latin1'),
    mode: 0o644,
    uid: 0,
    gid: 0,
    size: records.length,
    mtime: { seconds: 0, nanoseconds: 0 },
  });
  return [pax, records, Buffer.from(padding(records.length)), header];
}
