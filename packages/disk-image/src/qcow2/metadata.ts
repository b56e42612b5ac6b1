import type { Active } from './active.js';
import { refcountClusters, spareClusters } from './create.js';
import { encodeL1, type Geometry } from './format.js';
import { encodeRefcountTable, l1EntriesFor, type Layout } from './layout.js';

/** Tables that an image lacks for a disk of some size, and where they go: side by side, from `start` on. */
export interface MetadataPlan {
  start: number;
  end: number;
  /** Numbers of refcount blocks and L2 tables to add; they get clusters in this order. */
  blocks: number[];
  firstBlock: number;
  tables: number[];
  firstTable: number;
  /** A larger refcount table or L1 table, in place of the one there is. */
  refcountTable: { cluster: number; clusters: number } | undefined;
  l1: { cluster: number; clusters: number } | undefined;
  /** Entries of the L1 table, afterwards. */
  l1Size: number;
  /** Clusters with a reference count, afterwards. */
  limit: number;
}

const count = (hosts: Float64Array, used: boolean): number => hosts.filter((host) => (host !== 0) === used).length;

/** How far, from the start of the file, clusters have a reference count. */
export function countedLimit({ refcountTable, geometry }: Layout): number {
  const gap = refcountTable.indexOf(0);
  return (gap < 0 ? refcountTable.length : gap) * geometry.refcountEntries;
}

/** Undefined when the image has all it needs. `end` is the first cluster that was never used. */
export function planMetadata(layout: Layout, size: number, end: number): MetadataPlan | undefined {
  const { geometry, header } = layout;
  const { clusterSize, refcountEntries } = geometry;
  const entries = l1EntriesFor(size, geometry);
  const l1Clusters = Math.ceil((header.l1Size * 8) / clusterSize);
  const l1Wanted = Math.ceil((entries * 8) / clusterSize);
  const tables = indexes(layout.l1, entries);
  const guestClusters = Math.ceil(size / clusterSize);
  const spare = spareClusters(guestClusters);
  const now =
    1 + l1Clusters + header.refcountTableClusters + count(layout.refcountTable, true) + count(layout.l1, true);
  const added = tables.length + (l1Wanted > l1Clusters ? l1Wanted : 0);
  const limit = countedLimit(layout);
  const mustCount = Math.max(now + added + guestClusters + spare / 2, end + added);
  if (added === 0 && limit >= mustCount) return undefined;
  const wanted = refcountClusters(Math.max(now + added + guestClusters + spare, end + added + spare), geometry);
  const blockCount = Math.max(wanted.blocks, Math.ceil(limit / refcountEntries));
  const blocks = indexes(layout.refcountTable, blockCount);
  const movesTable = wanted.tableClusters > header.refcountTableClusters;
  const firstTable = end + blocks.length + (movesTable ? wanted.tableClusters : 0) + added - tables.length;
  return {
    start: end,
    end: firstTable + tables.length,
    blocks,
    firstBlock: end,
    tables,
    firstTable,
    refcountTable: movesTable ? { cluster: end + blocks.length, clusters: wanted.tableClusters } : undefined,
    l1: l1Wanted > l1Clusters ? { cluster: firstTable - l1Wanted, clusters: l1Wanted } : undefined,
    l1Size: Math.max(header.l1Size, entries),
    limit: blockCount * refcountEntries,
  };
}

/** The numbers below `end` at which there is nothing yet. */
function indexes(hosts: Float64Array, end: number): number[] {
  const found: number[] = [];
  for (let index = 0; index < end; index++) if ((hosts[index] ?? 0) === 0) found.push(index);
  return found;
}

/** The upper tables as they are afterwards. */
function withAdded(old: Float64Array, length: number, added: readonly number[], first: number): Float64Array {
  const hosts = new Float64Array(Math.max(old.length, length));
  hosts.set(old);
  added.forEach((index, each) => (hosts[index] = first + each));
  return hosts;
}

/**
 * Adds tables. Each step is durable before the next one refers to it: new tables and their counts, refcount blocks, L1 entries, header. No
 * change of the disk may be under way.
 */
export async function extendMetadata(active: Active, plan: MetadataPlan): Promise<void> {
  const { layout, allocator, geometry } = active;
  const old = { l1: layout.l1, refcountTable: layout.refcountTable };
  const tableClusters = plan.refcountTable?.clusters ?? layout.header.refcountTableClusters;
  const tableEntries = (tableClusters * geometry.clusterSize) / 8;
  allocator.claim(range(plan.start, plan.end));
  layout.refcountTable = withAdded(old.refcountTable, tableEntries, plan.blocks, plan.firstBlock);
  layout.l1 = withAdded(old.l1, plan.l1Size, plan.tables, plan.firstTable);
  try {
    await writeNew(active, plan);
    if (plan.refcountTable === undefined) await linkBlocks(active, plan);
    if (plan.l1 === undefined) await linkTables(active, plan);
    await switchHeader(active, plan);
  } catch (error) {
    // The file may know some of it, in places where nothing looks. The clusters stay claimed.
    Object.assign(layout, old);
    throw error;
  }
}

function* range(from: number, to: number): Generator<number> {
  for (let at = from; at < to; at++) yield at;
}

/** Everything that nothing in the file refers to yet, with the counts of its clusters. */
async function writeNew(active: Active, plan: MetadataPlan): Promise<void> {
  const { file, layout, allocator, geometry, checkpoints } = active;
  const { clusterSize } = geometry;
  if (file.size < plan.end * clusterSize) await file.truncate(plan.end * clusterSize);
  allocator.count(range(plan.start, plan.end));
  await checkpoints.writeCounts();
  if (plan.refcountTable !== undefined) {
    await file.write(plan.refcountTable.cluster * clusterSize, encodeRefcountTable(layout.refcountTable, geometry));
  }
  if (plan.l1 !== undefined) await file.write(plan.l1.cluster * clusterSize, encodeL1Table(layout.l1, geometry));
  await checkpoints.sync();
}

function encodeL1Table(hosts: Float64Array, { clusterSize }: Geometry): Buffer {
  const bytes = Buffer.alloc(hosts.length * 8);
  hosts.forEach((host, index) => {
    if (host !== 0) encodeL1(bytes, index, host, clusterSize);
  });
  return bytes;
}

/** One after the other: the first may be what counts the clusters of the next. */
async function linkBlocks({ file, layout, geometry, checkpoints }: Active, plan: MetadataPlan): Promise<void> {
  const table = encodeRefcountTable(layout.refcountTable, geometry);
  for (const block of plan.blocks) {
    const at = layout.header.refcountTableOffset + block * 8;
    await file.write(at, table.subarray(block * 8, block * 8 + 8));
    await checkpoints.sync();
  }
}

async function linkTables({ file, layout, geometry, checkpoints }: Active, plan: MetadataPlan): Promise<void> {
  const [first, last] = [plan.tables[0], plan.tables.at(-1)];
  if (first === undefined || last === undefined) return;
  const bytes = encodeL1Table(layout.l1, geometry).subarray(first * 8, (last + 1) * 8);
  await file.write(layout.header.l1Offset + first * 8, bytes);
  await checkpoints.sync();
}

/** One sector makes it so. Then what was replaced is free. */
async function switchHeader(active: Active, plan: MetadataPlan): Promise<void> {
  const { layout, allocator, geometry, checkpoints, grace } = active;
  const { clusterSize } = geometry;
  const freed: number[] = [];
  const { l1Offset, l1Size, refcountTableOffset, refcountTableClusters } = layout.header;
  await active.header.update((header) => {
    header.l1Size = plan.l1Size;
    if (plan.l1 !== undefined) header.l1Offset = plan.l1.cluster * clusterSize;
    if (plan.refcountTable !== undefined) {
      header.refcountTableOffset = plan.refcountTable.cluster * clusterSize;
      header.refcountTableClusters = plan.refcountTable.clusters;
    }
  });
  await checkpoints.sync();
  const first = { l1: l1Offset / clusterSize, table: refcountTableOffset / clusterSize };
  if (plan.l1 !== undefined) freed.push(...range(first.l1, first.l1 + Math.ceil((l1Size * 8) / clusterSize)));
  if (plan.refcountTable !== undefined) freed.push(...range(first.table, first.table + refcountTableClusters));
  allocator.limit = plan.limit;
  grace.afterReads(() => allocator.release(freed));
}
