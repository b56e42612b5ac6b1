import { ImageError } from '../errors.js';

/**
 * Numbers of the format (QEMU, docs/interop/qcow2: "Qcow2 Image File Format"). All are big-endian. Within this folder a place in the file
 * is mostly told by its host cluster, offset divided by the cluster size, because that is a small integer.
 */
export const magic = 0x514649fb;

/** Bytes that a disk writes at once: a power cut leaves each sector old or new. */
export const sectorSize = 512;

/** Pages of L2 tables that are read, kept and written as one. */
const sliceSize = 4096;

/** Bits of `incompatible_features`. */
export const incompatible = { dirty: 1, corrupt: 2, externalData: 4, compressionType: 8, extendedL2: 16 } as const;

/** Bit 63 of `autoclear_features`, in its upper half: our redo log is in use. Any other program that writes the image clears it. */
export const sessionBit = 0x8000_0000;

/** Types of header extensions. */
export const extension = {
  end: 0,
  backingFormat: 0xe279_2aca,
  featureNames: 0x6803_f857,
  bitmaps: 0x2385_2875,
  encryption: 0x0537_be77,
  externalData: 0x4441_5441,
  /** Ours, "DRVR": 16 bytes that name the session whose redo log belongs to the image. */
  session: 0x4452_5652,
} as const;

export const cluster = { leastBits: 9, mostBits: 21, defaultBits: 16 } as const;

/** What follows from the cluster size and the width of reference counts. */
export interface Geometry {
  readonly clusterSize: number;
  /** Entries of an L2 table, which is one cluster. */
  readonly l2Entries: number;
  readonly sliceSize: number;
  readonly sliceEntries: number;
  readonly refcountBits: number;
  /** Entries of a refcount block, which is one cluster. */
  readonly refcountEntries: number;
}

export function geometryOf(clusterBits: number, refcountOrder: number): Geometry {
  const clusterSize = 2 ** clusterBits;
  const refcountBits = 2 ** refcountOrder;
  return {
    clusterSize,
    l2Entries: clusterSize / 8,
    sliceSize: Math.min(sliceSize, clusterSize),
    sliceEntries: Math.min(sliceSize, clusterSize) / 8,
    refcountBits,
    refcountEntries: (clusterSize * 8) / refcountBits,
  };
}

/**
 * Where a guest cluster is: a host cluster (1 or more), or one of the names below. A cluster that reads as zeros and still has a host cluster
 * is `-1 - host`.
 */
export type Mapping = number;
export const unallocated = 0;
export const zero = -1;
/** Not a mapping: the table must be read first. */
export const missing = 2 ** 52;
export const compressed = 2 ** 52 + 1;

export const isData = (mapping: Mapping): boolean => mapping > 0 && mapping < missing;
export const isZero = (mapping: Mapping): boolean => mapping < 0;
/** The host cluster behind a mapping, 0 when it has none. */
export const hostOf = (mapping: Mapping): number => {
  if (mapping < zero) return zero - mapping;
  return isData(mapping) ? mapping : 0;
};

const copiedBit = 0x8000_0000;
const compressedBit = 0x4000_0000;
const offsetHighMask = 0x00ff_ffff;
const offsetLowMask = 0xffff_fe00;

/** Upper and lower half of a table entry. */
export interface RawEntry {
  high: number;
  low: number;
}

/** Splits a number of up to 53 bits. */
export const halves = (value: number): RawEntry => ({ high: Math.floor(value / 2 ** 32), low: value >>> 0 });

/** An L2 entry of a table that has been validated. */
export function decodeL2(table: Buffer, index: number, clusterSize: number): Mapping {
  const high = table.readUInt32BE(index * 8);
  const low = table.readUInt32BE(index * 8 + 4);
  if (high === 0 && low <= 1) return -low;
  if ((high & compressedBit) !== 0) return compressed;
  const host = ((high & offsetHighMask) * 2 ** 32 + ((low & offsetLowMask) >>> 0)) / clusterSize;
  return (low & 1) === 0 ? host : zero - host;
}

/** Writes a mapping of a disk whose clusters are all used once, so with the COPIED flag. */
export function encodeL2(table: Buffer, index: number, mapping: Mapping, clusterSize: number): void {
  const host = hostOf(mapping);
  const { high, low } = halves(host * clusterSize);
  table.writeUInt32BE((host === 0 ? high : high | copiedBit) >>> 0, index * 8);
  table.writeUInt32BE(isZero(mapping) ? low + 1 : low, index * 8 + 4);
}

/** An L1 entry: the L2 table in a host cluster of its own. */
export function encodeL1(table: Buffer, index: number, host: number, clusterSize: number): void {
  encodeL2(table, index, host, clusterSize);
}

export interface L1Entry {
  /** Host cluster of the L2 table; 0 when there is none. */
  host: number;
  copied: boolean;
}

export interface L2Entry {
  mapping: Mapping;
  copied: boolean;
  /** Where compressed bytes are, in the file. */
  compressed?: { offset: number; length: number };
}

const misaligned = (what: string, why: string): ImageError =>
  new ImageError('image.qcow2.corrupt', `${what} ${why}`, {
    remedy: 'The image is damaged: `qemu-img check` shows how much of it, or restore a backup.',
  });

function hostFrom(high: number, low: number, clusterSize: number, what: string): number {
  const offset = (high & offsetHighMask) * 2 ** 32 + ((low & offsetLowMask) >>> 0);
  if (offset > Number.MAX_SAFE_INTEGER) throw misaligned(what, `points to ${offset}, beyond 2^53`);
  if (offset % clusterSize !== 0) throw misaligned(what, `points to ${offset}, which is not the start of a cluster`);
  return offset / clusterSize;
}

/** An L1 entry that nobody vouches for. Throws `image.qcow2.corrupt`. */
export function parseL1(high: number, low: number, clusterSize: number, what: string): L1Entry {
  if ((high & 0x7f00_0000) !== 0 || (low & 0x1ff) !== 0) throw misaligned(what, 'has reserved bits set');
  return { host: hostFrom(high, low, clusterSize, what), copied: (high & copiedBit) !== 0 };
}

/** An L2 entry that nobody vouches for. Throws `image.qcow2.corrupt`. */
export function parseL2(high: number, low: number, clusterSize: number, version: number, what: string): L2Entry {
  if ((high & compressedBit) !== 0) return parseCompressed(high, low, clusterSize, what);
  const zeroFlag = version >= 3 ? 1 : 0;
  if ((high & 0x3f00_0000) !== 0 || (low & (0x1ff ^ zeroFlag)) !== 0) throw misaligned(what, 'has reserved bits set');
  const host = hostFrom(high, low, clusterSize, what);
  const copied = (high & copiedBit) !== 0;
  if (host === 0 && copied) throw misaligned(what, 'is said to use the cluster of the header');
  return { mapping: (low & 1) === 0 ? host : zero - host, copied };
}

/** "Compressed Clusters Descriptor" of the specification. */
function parseCompressed(high: number, low: number, clusterSize: number, what: string): L2Entry {
  if ((high & copiedBit) !== 0) throw misaligned(what, 'is compressed and said to be used once');
  const lengthBits = Math.log2(clusterSize) - 8;
  const highBits = 30 - lengthBits;
  const sectors = (high & 0x3fff_ffff) >>> highBits;
  const offset = (high & (2 ** highBits - 1)) * 2 ** 32 + low;
  if (offset > Number.MAX_SAFE_INTEGER) throw misaligned(what, `points to ${offset}, beyond 2^53`);
  const length = (sectors + 1) * sectorSize - (offset % sectorSize);
  return { mapping: compressed, copied: false, compressed: { offset, length } };
}
