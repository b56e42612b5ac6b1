/**
 * Reads files out of a FAT12, FAT16 or FAT32 file system (Microsoft's FAT specification 1.03): a boot.img, or the boot partition of a card.
 * Read-only and bounded: a chain longer than the volume is a broken image. Nothing of what is on it makes it throw.
 */
import { bytesInMemory, type DiskBytes } from './disk-bytes.js';
import { findEntry, readDirectory } from './fat-directory.js';

/** What is at a path: `damaged` when it is there but not whole, or when the folder that would tell is not whole. */
export type FatLook =
  | { readonly kind: 'file'; readonly bytes: Buffer }
  | { readonly kind: 'none' }
  | { readonly kind: 'damaged'; readonly why: string };

export interface FatImage {
  /** Bytes of a file as far as they are there, names compared without case; undefined when there is none. */
  read(path: string): Buffer | undefined;
  look(path: string): FatLook;
}

interface Layout {
  readonly bits: 12 | 16 | 32;
  readonly clusterBytes: number;
  /** Clusters the image really holds, whatever its header claims. */
  readonly clusters: number;
  readonly fatAt: number;
  readonly rootAt: number;
  readonly rootBytes: number;
  readonly rootCluster: number;
  readonly dataAt: number;
}

const readLayout = (image: DiskBytes): Layout | undefined => {
  const head = image.read(0, 512);
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55) return undefined;
  const sector = head.readUInt16LE(11);
  const perCluster = head[13] ?? 0;
  if (![512, 1024, 2048, 4096].includes(sector) || perCluster === 0) return undefined;
  const reserved = head.readUInt16LE(14);
  const rootEntries = head.readUInt16LE(17);
  const sectors = head.readUInt16LE(19) || head.readUInt32LE(32);
  const fatSectors = head.readUInt16LE(22) || head.readUInt32LE(36);
  const rootSectors = Math.ceil((rootEntries * 32) / sector);
  const dataSector = reserved + (head[16] ?? 0) * fatSectors + rootSectors;
  const clusters = Math.floor((sectors - dataSector) / perCluster);
  if (clusters <= 0 || dataSector * sector > image.size) return undefined;
  return {
    bits: clusters < 4085 ? 12 : clusters < 65_525 ? 16 : 32,
    clusterBytes: perCluster * sector,
    clusters: Math.min(clusters, Math.ceil((image.size - dataSector * sector) / (perCluster * sector))),
    fatAt: reserved * sector,
    rootAt: (dataSector - rootSectors) * sector,
    rootBytes: rootSectors * sector,
    rootCluster: head.readUInt32LE(44),
    dataAt: dataSector * sector,
  };
};

/** The first table, as far as the clusters that are really there need it. */
const readTable = (image: DiskBytes, { bits, fatAt, clusters }: Layout) => {
  const table = image.read(fatAt, Math.ceil(((clusters + 2) * bits) / 8) + 4);
  return (cluster: number): number => {
    const at = Math.floor((cluster * bits) / 8);
    if (at + 4 > table.length) return 0;
    if (bits === 32) return table.readUInt32LE(at) & 0x0fffffff;
    const pair = table.readUInt16LE(at);
    if (bits === 16) return pair;
    return cluster % 2 === 1 ? pair >>> 4 : pair & 0xfff;
  };
};

/** The mark behind the last cluster of a chain. */
const isLast = (bits: Layout['bits'], next: number): boolean => next >= { 12: 0xff8, 16: 0xfff8, 32: 0x0ffffff8 }[bits];

interface Chain {
  readonly bytes: Buffer;
  /** It ends with the mark, or holds all that was wanted of it. */
  readonly whole: boolean;
}

const createChains = (image: DiskBytes, layout: Layout) => {
  const { bits, clusters, clusterBytes, dataAt } = layout;
  const nextOf = readTable(image, layout);
  const exists = (cluster: number): boolean => cluster >= 2 && cluster < clusters + 2;
  /** Most files lie in one piece, and are read so. */
  const readRuns = (chain: readonly number[]): Buffer => {
    const pieces: Buffer[] = [];
    for (let start = 0; start < chain.length;) {
      const first = chain[start] ?? 0;
      let end = start + 1;
      while (end < chain.length && chain[end] === first + end - start) end += 1;
      pieces.push(image.read(dataAt + (first - 2) * clusterBytes, (end - start) * clusterBytes));
      start = end;
    }
    return Buffer.concat(pieces);
  };
  /** Clusters of a chain, as many as `size` bytes need; what is out of range or too long ends it. */
  return (first: number, size = Infinity): Chain => {
    const chain: number[] = [];
    let cluster = first;
    while (chain.length * clusterBytes < size && exists(cluster) && chain.length <= clusters) {
      chain.push(cluster);
      cluster = nextOf(cluster);
    }
    const bytes = readRuns(chain);
    return {
      bytes: bytes.subarray(0, Math.min(size, bytes.length)),
      whole: bytes.length >= size || isLast(bits, cluster),
    };
  };
};

/** Undefined when the bytes are no FAT file system. */
export const openFat = (image: DiskBytes): FatImage | undefined => {
  const layout = readLayout(image);
  if (layout === undefined) return undefined;
  const chain = createChains(image, layout);
  const root = (): Chain =>
    layout.bits === 32
      ? chain(layout.rootCluster)
      : { bytes: image.read(layout.rootAt, layout.rootBytes), whole: true };

  /** What a path leads to; a chain of a file may be cut short. */
  const walk = (
    path: string,
  ): { readonly found: Chain; readonly size: number } | Exclude<FatLook, { kind: 'file' }> => {
    const parts = path.split('/').filter((part) => part !== '');
    let folder = root();
    for (const [index, part] of parts.entries()) {
      const entry = findEntry(readDirectory(folder.bytes), part);
      if (entry === undefined && !folder.whole) return { kind: 'damaged', why: `the folder of ${path} is cut short` };
      const ends = index === parts.length - 1;
      if (entry === undefined || entry.directory === ends) return { kind: 'none' };
      if (ends) return { found: chain(entry.cluster, entry.size), size: entry.size };
      folder = chain(entry.cluster);
    }
    return { kind: 'none' };
  };

  const look = (path: string): FatLook => {
    const end = walk(path);
    if ('kind' in end) return end;
    const { bytes } = end.found;
    if (bytes.length === end.size) return { kind: 'file', bytes };
    return { kind: 'damaged', why: `${path} has ${bytes.length} of ${end.size} bytes` };
  };

  return {
    look,
    read: (path) => {
      const end = walk(path);
      return 'kind' in end ? undefined : end.found.bytes;
    },
  };
};

/** A file system in memory. Undefined when the bytes are none. */
export const openFatImage = (image: Buffer): FatImage | undefined => openFat(bytesInMemory(image));
