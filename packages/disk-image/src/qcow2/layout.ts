import { ImageError } from '../errors.js';
import { geometryOf, halves, parseL1, type Geometry } from './format.js';
import { readHeader, type Qcow2Header } from './header.js';
import type { BlockSource } from './types.js';

/** An image's header and the upper tables, which are kept in memory. */
export interface Layout {
  header: Qcow2Header;
  readonly geometry: Geometry;
  /** Host clusters of the L2 tables, 0 where there is none. */
  l1: Float64Array;
  /** L1 entries without the COPIED flag: tables that internal snapshots use as well. */
  sharedTables: number;
  /** Host clusters of the refcount blocks, 0 where there is none. */
  refcountTable: Float64Array;
}

/** QEMU's own limits of the L1 table and the refcount table. */
const mostL1Bytes = 32 * 1024 * 1024;
const mostRefcountTableBytes = 8 * 1024 * 1024;

const corrupt = (why: string): ImageError =>
  new ImageError('image.qcow2.corrupt', why, {
    remedy: 'The image is damaged: `qemu-img check` shows how much of it, or restore a backup.',
  });

/** How many L2 tables a disk of this size has. */
export const l1EntriesFor = (size: number, { clusterSize, l2Entries }: Geometry): number =>
  Math.ceil(size / (clusterSize * l2Entries));

/** Reads header, L1 table and refcount table. Throws `image.qcow2.*` for what is damaged or not understood. */
export async function readLayout(file: BlockSource): Promise<Layout> {
  const header = await readHeader(file);
  const geometry = geometryOf(header.clusterBits, header.refcountOrder);
  requireL1Size(header, geometry);
  const refcountBytes = header.refcountTableClusters * geometry.clusterSize;
  if (refcountBytes > mostRefcountTableBytes || refcountBytes === 0) {
    throw corrupt(`The refcount table has ${header.refcountTableClusters} clusters`);
  }
  const l1 = await readTable(file, header.l1Offset, header.l1Size * 8, geometry, 'The L1 table');
  const refcountTable = await readTable(
    file,
    header.refcountTableOffset,
    refcountBytes,
    geometry,
    'The refcount table',
  );
  const tables = hostsOf(l1, geometry, 'L1 entry');
  const blocks = hostsOf(refcountTable, geometry, 'Refcount table entry');
  if (blocks.copied > 0) throw corrupt('The refcount table has reserved bits set');
  return {
    header,
    geometry,
    l1: tables.hosts,
    sharedTables: tables.used - tables.copied,
    refcountTable: blocks.hosts,
  };
}

function requireL1Size({ l1Size, size }: Qcow2Header, geometry: Geometry): void {
  const needed = l1EntriesFor(size, geometry);
  if (l1Size * 8 > mostL1Bytes || needed * 8 > mostL1Bytes) throw corrupt(`A disk of ${size} bytes is too large`);
  if (l1Size < needed) throw corrupt(`The L1 table has ${l1Size} entries, but a disk of ${size} bytes needs ${needed}`);
}

async function readTable(
  file: BlockSource,
  offset: number,
  length: number,
  { clusterSize }: Geometry,
  what: string,
): Promise<Buffer> {
  if (length === 0) return Buffer.alloc(0);
  if (offset < clusterSize || offset % clusterSize !== 0) throw corrupt(`${what} is at ${offset}, which cannot be`);
  // Less than the last cluster of it may be there: QEMU does not fill it up.
  if (offset + length > Math.ceil(file.size / clusterSize) * clusterSize) {
    throw new ImageError('image.qcow2.past-end', `${what} is at ${offset}, but the file has ${file.size} bytes`, {
      at: offset,
      remedy: 'The file is cut short: restore a backup.',
    });
  }
  const bytes = Buffer.alloc(length);
  await file.readInto(offset, bytes);
  return bytes;
}

interface Hosts {
  hosts: Float64Array;
  used: number;
  copied: number;
}

function hostsOf(table: Buffer, { clusterSize }: Geometry, what: string): Hosts {
  const hosts = new Float64Array(table.length / 8);
  let [used, copied] = [0, 0];
  for (let index = 0; index < hosts.length; index++) {
    const high = table.readUInt32BE(index * 8);
    const low = table.readUInt32BE(index * 8 + 4);
    if ((high | low) === 0) continue;
    const entry = parseL1(high, low, clusterSize, `${what} ${index}`);
    if (entry.host !== 0) used += 1;
    if (entry.copied) copied += 1;
    hosts[index] = entry.host;
  }
  return { hosts, used, copied };
}

/** A refcount table, or a stretch of it, as bytes. */
export function encodeRefcountTable(hosts: Float64Array, { clusterSize }: Geometry): Buffer {
  const bytes = Buffer.alloc(hosts.length * 8);
  for (let index = 0; index < hosts.length; index++) {
    const { high, low } = halves((hosts[index] as number) * clusterSize);
    bytes.writeUInt32BE(high, index * 8);
    bytes.writeUInt32BE(low, index * 8 + 4);
  }
  return bytes;
}
