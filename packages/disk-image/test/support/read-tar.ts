/** A tar entry as read back, pax records applied. */
export interface TarRecord {
  path: string;
  type: string;
  mode: number;
  uid: number;
  gid: number;
  size: number;
  mtime: string;
  link: string;
  major: number;
  minor: number;
  xattrs: Record<string, string>;
  data: Buffer;
}

const text = (block: Buffer, at: number, length: number): string =>
  block.toString('latin1', at, at + length).replace(/\0.*$/su, '');

function parsePax(data: Buffer): Map<string, Buffer> {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < data.length;) {
    const space = data.indexOf(0x20, at);
    const length = Number(data.toString('latin1', at, space));
    const equals = data.indexOf(0x3d, space);
    records.set(data.toString('utf8', space + 1, equals), data.subarray(equals + 1, at + length - 1));
    if (data[at + length - 1] !== 0x0a) throw new Error('a pax record without its line break');
    at += length;
  }
  return records;
}

/** Reads a pax tar by POSIX.1-2001, independently of the writer. Xattr values are given in hexadecimal. */
export function readTar(tar: Buffer): TarRecord[] {
  const records: TarRecord[] = [];
  let pax = new Map<string, Buffer>();
  for (let at = 0; at + 512 <= tar.length;) {
    const block = tar.subarray(at, at + 512);
    if (block.every((byte) => byte === 0)) break;
    const sum = block.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 0x20 : byte), 0);
    if (parseInt(text(block, 148, 8), 8) !== sum) throw new Error(`a wrong checksum at ${at}`);
    const number = (from: number, length: number): number => parseInt(text(block, from, length), 8);
    const size = Number(pax.get('size')?.toString() ?? number(124, 12));
    const type = String.fromCharCode(block[156] as number);
    const stored = type === '0' || type === 'x' ? size : 0;
    const data = tar.subarray(at + 512, at + 512 + stored);
    at += 512 + Math.ceil(stored / 512) * 512;
    if (type === 'x') {
      pax = parsePax(data);
      continue;
    }
    const xattrs = [...pax].filter(([key]) => key.startsWith('SCHILY.xattr.'));
    records.push({
      path: pax.get('path')?.toString('latin1') ?? text(block, 0, 100),
      type,
      mode: number(100, 8),
      uid: Number(pax.get('uid')?.toString() ?? number(108, 8)),
      gid: Number(pax.get('gid')?.toString() ?? number(116, 8)),
      size,
      mtime: pax.get('mtime')?.toString() ?? String(number(136, 12)),
      link: pax.get('linkpath')?.toString('latin1') ?? text(block, 157, 100),
      major: number(329, 8),
      minor: number(337, 8),
      xattrs: Object.fromEntries(xattrs.map(([key, value]) => [key.slice(13), value.toString('hex')])),
      data,
    });
    pax = new Map();
  }
  return records;
}
