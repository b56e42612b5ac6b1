import { ImageError } from '../errors.js';
import { ClusterSet } from './cluster-set.js';
import { cluster, encodeL1, geometryOf, type Geometry } from './format.js';
import { encodeSector, nameSlots, requireBackingName, type BackingName, type Qcow2Header } from './header.js';
import { encodeRefcountTable, l1EntriesFor } from './layout.js';
import { encodeRefcounts } from './refcounts.js';
import type { BlockFile } from './types.js';

export interface CreateQcow2Options {
  /** Bytes of the disk: a multiple of 512, at least those of the backing file. */
  size: number;
  /** Bytes of a cluster: a power of two from 4 KiB to 2 MiB. Default 64 KiB. */
  clusterSize?: number;
  /** What shows through; `format` is `raw` or `qcow2`. */
  backing?: Required<BackingName>;
}

/** An image's first content: everything else of the file is a hole. */
export interface ImagePlan {
  header: Qcow2Header;
  fileSize: number;
  writes: { offset: number; bytes: Buffer }[];
}

const refcountOrder = 4;
const mostTableBytes = 2 ** 30;

const refuse = (message: string, remedy: string): ImageError =>
  new ImageError('image.qcow2.parameter', message, { remedy });

/**
 * Free clusters beyond what a disk can hold at most: clusters that were freed and wait for the next checkpoint come on top, and larger tables
 * after a resize.
 */
export const spareClusters = (guestClusters: number): number => 1024 + Math.floor(guestClusters / 16);

function requireParameters({ size, clusterSize = 2 ** cluster.defaultBits }: CreateQcow2Options): number {
  const bits = Math.log2(clusterSize);
  if (!Number.isInteger(bits) || bits < 12 || bits > cluster.mostBits) {
    throw refuse(`clusterSize is ${clusterSize}`, 'Give a power of two from 4096 to 2097152.');
  }
  if (!Number.isSafeInteger(size) || size <= 0 || size % 512 !== 0) {
    throw refuse(`size is ${size}`, 'Give a multiple of 512 bytes.');
  }
  requireSize(size, geometryOf(bits, refcountOrder));
  return bits;
}

/** Refuses disks whose tables would be too large to be read when the disk is opened. */
export function requireSize(size: number, geometry: Geometry): void {
  const { clusterSize, l2Entries } = geometry;
  const most = (mostTableBytes / clusterSize / 2) * l2Entries * clusterSize;
  if (size > most) throw refuse(`size is ${size}`, `Give at most ${most} bytes, or larger clusters.`);
}

/**
 * Plans an image with all the tables it will ever need: only data clusters are allocated later, so that nothing else has to be ordered when it
 * matters. The tables are holes until something is in them, and take no space.
 */
export function planImage(options: CreateQcow2Options): ImagePlan {
  const clusterBits = requireParameters(options);
  const geometry = geometryOf(clusterBits, refcountOrder);
  const { clusterSize } = geometry;
  const guestClusters = Math.ceil(options.size / clusterSize);
  const l1Size = l1EntriesFor(options.size, geometry);
  const l1Clusters = Math.ceil((l1Size * 8) / clusterSize);
  const rest = 1 + l1Clusters + l1Size + guestClusters + spareClusters(guestClusters);
  const { blocks, tableClusters } = refcountClusters(rest, geometry);
  const firstBlock = 1 + tableClusters;
  const l1Cluster = firstBlock + blocks;
  const firstL2 = l1Cluster + l1Clusters;
  const end = firstL2 + l1Size;
  const header: Qcow2Header = {
    version: 3,
    clusterBits,
    size: options.size,
    l1Size,
    l1Offset: l1Cluster * clusterSize,
    refcountTableOffset: clusterSize,
    refcountTableClusters: tableClusters,
    refcountOrder,
    snapshots: 0,
    dirty: false,
    corrupt: false,
    lazyRefcounts: false,
    backingOffset: 0,
    ours: true,
  };
  const writes = [
    {
      offset: clusterSize,
      bytes: encodeRefcountTable(
        Float64Array.from({ length: blocks }, (_, each) => firstBlock + each),
        geometry,
      ),
    },
    { offset: firstBlock * clusterSize, bytes: usedUpTo(end, geometry) },
    { offset: header.l1Offset, bytes: l1Table(firstL2, l1Size, clusterSize) },
  ];
  if (options.backing !== undefined) {
    [header.backing, header.backingOffset] = [options.backing, nameSlots[0]];
    writes.push({ offset: nameSlots[0], bytes: requireBackingName(options.backing.name) });
  }
  writes.push({ offset: 0, bytes: encodeSector(header) });
  return { header, fileSize: end * clusterSize, writes };
}

/** Clusters of the refcount table and blocks that count themselves and so many other clusters. */
export function refcountClusters(others: number, geometry: Geometry): { blocks: number; tableClusters: number } {
  let [blocks, tableClusters] = [0, 0];
  for (;;) {
    const wanted = Math.ceil((others + blocks + tableClusters) / geometry.refcountEntries);
    const wantedTable = Math.ceil((wanted * 8) / geometry.clusterSize);
    if (wanted === blocks && wantedTable === tableClusters) return { blocks, tableClusters };
    [blocks, tableClusters] = [wanted, wantedTable];
  }
}

/** Refcount blocks of an image of which the first clusters are used. */
function usedUpTo(end: number, geometry: Geometry): Buffer {
  const used = new ClusterSet();
  used.addRun(0, end);
  // The number of counts must fill whole bytes.
  return encodeRefcounts(used, 0, Math.ceil(end / 8) * 8, geometry);
}

function l1Table(firstL2: number, entries: number, clusterSize: number): Buffer {
  const bytes = Buffer.alloc(entries * 8);
  for (let index = 0; index < entries; index++) encodeL1(bytes, index, firstL2 + index, clusterSize);
  return bytes;
}

/** Writes a new image to an empty file, and syncs it unless told otherwise. Throws `image.qcow2.parameter` or `image.qcow2.backing`. */
export async function createQcow2(file: BlockFile, options: CreateQcow2Options, sync = true): Promise<Qcow2Header> {
  const { header, fileSize, writes } = planImage(options);
  await file.truncate(fileSize);
  for (const { offset, bytes } of writes) await file.write(offset, bytes);
  if (sync) await file.datasync();
  return header;
}
