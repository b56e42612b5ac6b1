import { bufferOf } from '../bytes.js';
import { ImageError, type ImageErrorCode } from '../errors.js';
import { cluster, extension, halves, incompatible, magic, sectorSize, sessionBit } from './format.js';
import type { BlockSource } from './types.js';

/** What stands below an overlay, as the file says it; the name as a string that qemu-img understands. */
export interface BackingName {
  name: string;
  /** `raw` or `qcow2`; absent when the file leaves the reader to guess. */
  format?: string;
}

export interface Qcow2Header {
  version: 2 | 3;
  clusterBits: number;
  /** Bytes of the disk. */
  size: number;
  backing?: BackingName;
  /** Entries. */
  l1Size: number;
  /** Bytes from the start of the file, as the next ones. */
  l1Offset: number;
  refcountTableOffset: number;
  refcountTableClusters: number;
  refcountOrder: number;
  snapshots: number;
  /** Reference counts may be wrong (lazy refcounts). */
  dirty: boolean;
  /** Somebody found damage and wrote it down. */
  corrupt: boolean;
  lazyRefcounts: boolean;
  /** 32 hex digits while a redo log belongs to the image. */
  session?: string;
  /** Where the backing name is kept, 0 without one. */
  backingOffset: number;
  /** Whether the first sector is laid out as `encodeSector` does it, so that it alone can be replaced. */
  ours: boolean;
  /** What keeps us from writing to the image, although it can be read. */
  readOnlyBecause?: string;
}

const remedies: Partial<Record<ImageErrorCode, string>> = {
  'image.qcow2.not-qcow2': 'Give a qcow2 image, or convert with `qemu-img convert -O qcow2`.',
  'image.qcow2.unsupported': 'Convert the image with `qemu-img convert -O qcow2`.',
  'image.qcow2.corrupt': 'Restore a backup; `qemu-img check` shows what is damaged.',
};

const refuse = (code: ImageErrorCode, message: string): ImageError => {
  const remedy = remedies[code];
  return new ImageError(code, message, remedy === undefined ? { at: 0 } : { at: 0, remedy });
};

const corrupt = (why: string): ImageError => refuse('image.qcow2.corrupt', why);

/** The header and its extensions are looked for in so many bytes of the first cluster. */
const headerLimit = 65536;

/** Reads and checks the header. Throws `image.qcow2.not-qcow2`, `.unsupported` or `.corrupt`. */
export async function readHeader(file: BlockSource): Promise<Qcow2Header> {
  const bytes = Buffer.alloc(headerLimit);
  await file.readInto(0, bytes);
  return parseHeader(bytes.subarray(0, Math.min(headerLimit, file.size)));
}

/** As `readHeader`, of the first bytes of a file: its first cluster or 64 KiB. */
export function parseHeader(start: Uint8Array): Qcow2Header {
  const bytes = bufferOf(start);
  if (bytes.length < 72 || bytes.readUInt32BE(0) !== magic) {
    throw refuse('image.qcow2.not-qcow2', 'The file does not begin with QFI\\xfb');
  }
  const version = bytes.readUInt32BE(4);
  if (version !== 2 && version !== 3) throw refuse('image.qcow2.unsupported', `Version ${version} of qcow2 is unknown`);
  if (version === 3 && bytes.length < 104) throw corrupt('The header is cut short');
  const clusterBits = bytes.readUInt32BE(20);
  if (clusterBits < cluster.leastBits || clusterBits > cluster.mostBits) {
    throw corrupt(`Clusters of 2^${clusterBits} bytes are not possible`);
  }
  if (bytes.readUInt32BE(32) !== 0) throw refuse('image.qcow2.unsupported', 'The image is encrypted');
  const header: Qcow2Header = {
    version,
    clusterBits,
    size: number64(bytes, 24, 'The size of the disk'),
    l1Size: bytes.readUInt32BE(36),
    l1Offset: number64(bytes, 40, 'The place of the L1 table'),
    refcountTableOffset: number64(bytes, 48, 'The place of the refcount table'),
    refcountTableClusters: bytes.readUInt32BE(56),
    snapshots: bytes.readUInt32BE(60),
    refcountOrder: 4,
    dirty: false,
    corrupt: false,
    lazyRefcounts: false,
    backingOffset: number64(bytes, 8, 'The place of the name of the backing file'),
    ours: false,
  };
  const first = bytes.subarray(0, Math.min(bytes.length, 2 ** clusterBits));
  const end = version === 3 ? readVersion3(first, header) : 72;
  readBackingName(first, header);
  readExtensions(first, header, end);
  judgeWritable(header);
  return header;
}

function number64(bytes: Buffer, at: number, what: string): number {
  const value = bytes.readUInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4);
  if (value <= Number.MAX_SAFE_INTEGER) return value;
  throw corrupt(`${what} is beyond 2^53`);
}

/** The fields of version 3. Returns the length of the header. */
function readVersion3(bytes: Buffer, header: Qcow2Header): number {
  const [high, low] = [bytes.readUInt32BE(72), bytes.readUInt32BE(76)];
  if ((low & incompatible.externalData) !== 0) throw unsupported('keeps its data in another file');
  if ((low & incompatible.extendedL2) !== 0) throw unsupported('has extended L2 entries');
  const known = incompatible.dirty | incompatible.corrupt | incompatible.compressionType;
  if (high !== 0 || (low & ~known) !== 0) throw unsupported('needs features that are unknown here');
  header.dirty = (low & incompatible.dirty) !== 0;
  header.corrupt = (low & incompatible.corrupt) !== 0;
  header.lazyRefcounts = (bytes.readUInt32BE(84) & 1) !== 0;
  header.refcountOrder = bytes.readUInt32BE(96);
  if (header.refcountOrder > 6) throw corrupt(`Reference counts of 2^${header.refcountOrder} bits are not possible`);
  const length = bytes.readUInt32BE(100);
  if (length < 104 || length % 8 !== 0 || length > bytes.length) throw corrupt(`The header has ${length} bytes`);
  const compressionType = length > 104 ? bytes.readUInt8(104) : 0;
  if ((low & incompatible.compressionType) !== 0 || compressionType !== 0) {
    throw unsupported(`is compressed in a way that is not deflate (type ${compressionType})`);
  }
  return length;
}

const unsupported = (why: string): ImageError => refuse('image.qcow2.unsupported', `The image ${why}`);

function readBackingName(bytes: Buffer, header: Qcow2Header): void {
  const { backingOffset } = header;
  if (backingOffset === 0) return;
  const length = bytes.readUInt32BE(16);
  if (length === 0 || length > 1023) throw corrupt(`The name of the backing file has ${length} bytes`);
  if (backingOffset < 72 || backingOffset + length > bytes.length) {
    throw corrupt(`The name of the backing file is at ${backingOffset}, outside the first cluster`);
  }
  header.backing = { name: bytes.toString('utf8', backingOffset, backingOffset + length) };
}

/** "Header extensions" of the specification: type, length and data, padded to 8 bytes. */
function readExtensions(bytes: Buffer, header: Qcow2Header, start: number): void {
  const limit = header.backingOffset === 0 ? bytes.length : header.backingOffset;
  const types: number[] = [];
  let at = start;
  for (; at + 8 <= limit;) {
    const type = bytes.readUInt32BE(at);
    const length = bytes.readUInt32BE(at + 4);
    if (type === extension.end) break;
    if (length > limit - at - 8) throw corrupt(`A header extension at ${at} has ${length} bytes, more than there are`);
    const data = bytes.subarray(at + 8, at + 8 + length);
    if (type === extension.encryption || type === extension.externalData) throw unsupported('is encrypted or split');
    if (type === extension.backingFormat && header.backing !== undefined) header.backing.format = data.toString('utf8');
    if (type === extension.session && length === 16) readSession(bytes, header, data);
    types.push(type);
    at += 8 + Math.ceil(length / 8) * 8;
  }
  header.ours = types[0] === extension.session && at + 8 <= sectorSize && header.backingOffset % 1024 === 0;
  const known: number[] = [extension.session, extension.backingFormat, extension.featureNames];
  const strange = types.find((type) => !known.includes(type));
  if (strange !== undefined) header.readOnlyBecause = `it has a header extension that is unknown here (${strange})`;
}

function readSession(bytes: Buffer, header: Qcow2Header, data: Buffer): void {
  if (header.version === 3 && bytes.readUInt32BE(88) >>> 31 === 1) header.session = data.toString('hex');
}

function judgeWritable(header: Qcow2Header): void {
  if (header.version < 3) header.readOnlyBecause = 'it has version 2 of the format';
  else if (header.clusterBits < 12) header.readOnlyBecause = `its clusters have only ${2 ** header.clusterBits} bytes`;
  else if (header.snapshots > 0) header.readOnlyBecause = 'it has internal snapshots';
  else if (header.corrupt) header.readOnlyBecause = 'it is marked as corrupt';
}

const headerLength = 112;
/** Places of the name of the backing file, so that it can be changed by replacing one sector. */
export const nameSlots = [1024, 2048, 3072] as const;
const mostNameBytes = 1023;

/** A place where a name of so many bytes does not touch the one there is. */
export function freeSlot({ backing, backingOffset }: Qcow2Header, length: number): number {
  const end = backingOffset + (backing === undefined ? 0 : Buffer.byteLength(backing.name));
  return nameSlots.find((slot) => slot + length <= backingOffset || slot >= end) ?? nameSlots[0];
}

/** Refuses names that qemu-img would take for something other than a path. Throws `image.qcow2.backing`. */
export function requireBackingName(name: string): Buffer {
  const bytes = Buffer.from(name, 'utf8');
  const scheme = /^[^/]*:/u.test(name);
  if (name !== '' && bytes.length <= mostNameBytes && !scheme && !name.includes('\0')) return bytes;
  throw new ImageError('image.qcow2.backing', `"${name}" cannot be the name of a backing file`, {
    remedy: 'Give a path of at most 1023 bytes, with no colon in front of its first slash.',
  });
}

/**
 * The first sector of an image: header, session, format of the backing file, end of extensions. A disk writes a sector whole or not at all,
 * so that replacing it moves an image from one state to the next.
 */
export function encodeSector(header: Qcow2Header): Buffer {
  const sector = Buffer.alloc(sectorSize);
  const put64 = (at: number, value: number): void => {
    const { high, low } = halves(value);
    sector.writeUInt32BE(high, at);
    sector.writeUInt32BE(low, at + 4);
  };
  sector.writeUInt32BE(magic, 0);
  sector.writeUInt32BE(3, 4);
  put64(8, header.backing === undefined ? 0 : header.backingOffset);
  sector.writeUInt32BE(header.backing === undefined ? 0 : Buffer.byteLength(header.backing.name), 16);
  sector.writeUInt32BE(header.clusterBits, 20);
  put64(24, header.size);
  sector.writeUInt32BE(header.l1Size, 36);
  put64(40, header.l1Offset);
  put64(48, header.refcountTableOffset);
  sector.writeUInt32BE(header.refcountTableClusters, 56);
  sector.writeUInt32BE((header.dirty ? incompatible.dirty : 0) | (header.corrupt ? incompatible.corrupt : 0), 76);
  sector.writeUInt32BE(header.lazyRefcounts ? 1 : 0, 84);
  sector.writeUInt32BE(header.session === undefined ? 0 : sessionBit, 88);
  sector.writeUInt32BE(header.refcountOrder, 96);
  sector.writeUInt32BE(headerLength, 100);
  const session = Buffer.from(header.session ?? '00'.repeat(16), 'hex');
  const end = putExtension(sector, headerLength, extension.session, session);
  const format = header.backing?.format;
  if (format !== undefined) putExtension(sector, end, extension.backingFormat, Buffer.from(format, 'utf8'));
  return sector;
}

function putExtension(sector: Buffer, at: number, type: number, data: Buffer): number {
  sector.writeUInt32BE(type, at);
  sector.writeUInt32BE(data.length, at + 4);
  data.copy(sector, at + 8);
  return at + 8 + Math.ceil(data.length / 8) * 8;
}
