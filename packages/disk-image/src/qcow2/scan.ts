import { ImageError, type ImageErrorCode } from '../errors.js';
import { ClusterSet } from './cluster-set.js';
import { hostOf, isData, parseL2, type Geometry, type L2Entry } from './format.js';
import type { Layout } from './layout.js';
import { readRefcount } from './refcounts.js';
import type { BlockSource } from './types.js';

/** Something in an image that contradicts the format. */
export interface Problem {
  code: ImageErrorCode;
  message: string;
}

/** What all tables of an image say, put together. */
export interface Scan {
  /** Clusters of the file that something points to, metadata included. */
  used: ClusterSet;
  /** Clusters of the file whose reference count is above 0. */
  counted: ClusterSet;
  /** Clusters counted more often than they are used. Harmless. */
  leaks: ClusterSet;
  /** Clusters used but not counted: expected after lazy refcounts, damage otherwise. */
  uncounted: ClusterSet;
  /** Guest clusters. */
  allocated: number;
  zero: number;
  compressed: number;
  /** Places where the next allocated guest cluster does not follow in the file. */
  breaks: number;
  /** Clusters up to the end of the file, the last one perhaps in part. */
  fileClusters: number;
}

export interface ScanOptions {
  /** Called for each problem; by default the first is thrown. */
  onProblem?: (problem: Problem) => void;
  /** Most bytes of tables to read. An image that needs more is refused with `image.too-large`. Default 1 GiB. */
  tableLimit?: number;
  /** Whether reference counts are read as well. Default true. */
  countsMatter?: boolean;
  signal?: AbortSignal;
}

/** Tables read at once: enough to be quick, few enough to give way to others in between. */
const batchBytes = 256 * 1024;
const defaultTableLimit = 2 ** 30;

const throwProblem = ({ code, message }: Problem): never => {
  throw new ImageError(code, message, { remedy: 'Restore a backup; `qemu-img check` shows what is damaged.' });
};

/**
 * Reads every table and checks that all pointers stay in the file, that no cluster is used twice, and what the reference counts say.
 * Images with internal snapshots can be scanned for what is active only: their reference counts are not looked at.
 */
export async function scanImage(file: BlockSource, layout: Layout, options: ScanOptions = {}): Promise<Scan> {
  const scanner = new Scanner(file, layout, options);
  scanner.markTables();
  await scanner.scanL2Tables();
  if (layout.header.snapshots === 0 && options.countsMatter !== false) await scanner.scanRefcounts();
  return scanner.result;
}

class Scanner {
  readonly result: Scan;
  /** Clusters with compressed bytes: several guest clusters may share one. */
  private readonly packed = new ClusterSet();
  private readonly file: BlockSource;
  private readonly layout: Layout;
  private readonly geometry: Geometry;
  private readonly options: ScanOptions;
  private lastHost = 0;

  constructor(file: BlockSource, layout: Layout, options: ScanOptions) {
    this.file = file;
    this.layout = layout;
    this.geometry = layout.geometry;
    this.options = options;
    this.result = {
      used: new ClusterSet(),
      counted: new ClusterSet(),
      leaks: new ClusterSet(),
      uncounted: new ClusterSet(),
      allocated: 0,
      zero: 0,
      compressed: 0,
      breaks: 0,
      fileClusters: Math.ceil(file.size / layout.geometry.clusterSize),
    };
  }

  /** Header, L1 table, refcount table, refcount blocks and L2 tables. */
  markTables(): void {
    const { header, geometry, l1, refcountTable } = this.layout;
    const { clusterSize } = geometry;
    this.mark(0, 'The header');
    const l1Clusters = Math.ceil((header.l1Size * 8) / clusterSize);
    this.markRun(header.l1Offset / clusterSize, l1Clusters, 'The L1 table');
    this.markRun(header.refcountTableOffset / clusterSize, header.refcountTableClusters, 'The refcount table');
    refcountTable.forEach((host, index) => {
      if (host !== 0) this.mark(host, `Refcount block ${index}`);
    });
    l1.forEach((host, index) => {
      if (host !== 0) this.mark(host, `L2 table ${index}`);
    });
    const limit = this.options.tableLimit ?? defaultTableLimit;
    const tables = [...l1, ...refcountTable].filter((host) => host !== 0).length;
    if (tables * clusterSize <= limit) return;
    throw new ImageError('image.too-large', `The tables of the image have more than ${limit} bytes`, {
      remedy: 'Convert it to larger clusters: `qemu-img convert -O qcow2 -o cluster_size=2M`.',
    });
  }

  private markRun(first: number, count: number, what: string): void {
    for (let at = first; at < first + count; at++) this.mark(at, what);
  }

  private mark(host: number, what: string): void {
    if (host >= this.result.fileClusters) {
      this.report('image.qcow2.past-end', `${what} is in cluster ${host}, behind the end of the file`);
    } else if (!this.result.used.add(host)) {
      this.report('image.qcow2.overlap', `${what} is in cluster ${host}, which something else uses`);
    }
  }

  private report(code: ImageErrorCode, message: string): void {
    (this.options.onProblem ?? throwProblem)({ code, message });
  }

  async scanL2Tables(): Promise<void> {
    const { clusterSize } = this.geometry;
    const inFile = [...this.layout.l1.keys()].filter((index) => this.isReadable(this.layout.l1[index] as number));
    const zeros = Buffer.alloc(clusterSize);
    for await (const [index, table] of this.readClusters(inFile, this.layout.l1)) {
      if (!table.equals(zeros)) this.scanL2(index, table);
    }
  }

  private isReadable(host: number): boolean {
    return host !== 0 && host < this.result.fileClusters;
  }

  /** Clusters that hold tables, those side by side in the file in one read. */
  private async *readClusters(indexes: readonly number[], hosts: Float64Array): AsyncGenerator<[number, Buffer]> {
    const { clusterSize } = this.geometry;
    const most = Math.max(1, batchBytes / clusterSize);
    for (let at = 0; at < indexes.length;) {
      this.options.signal?.throwIfAborted();
      const first = hosts[indexes[at] as number] as number;
      let count = 1;
      while (count < most && hosts[indexes[at + count] as number] === first + count) count += 1;
      const bytes = Buffer.alloc(count * clusterSize);
      await this.file.readInto(first * clusterSize, bytes);
      for (let each = 0; each < count; each++) {
        yield [indexes[at + each] as number, bytes.subarray(each * clusterSize, (each + 1) * clusterSize)];
      }
      at += count;
    }
  }

  private scanL2(tableIndex: number, table: Buffer): void {
    const { clusterSize, l2Entries } = this.geometry;
    for (let index = 0; index < l2Entries; index++) {
      const high = table.readUInt32BE(index * 8);
      const low = table.readUInt32BE(index * 8 + 4);
      if ((high | low) === 0) continue;
      const what = `Guest cluster ${tableIndex * l2Entries + index}`;
      const entry = this.tryParse(high, low, clusterSize, what);
      if (entry !== undefined) this.noteEntry(entry, what);
    }
  }

  private tryParse(high: number, low: number, clusterSize: number, what: string): L2Entry | undefined {
    try {
      return parseL2(high, low, clusterSize, this.layout.header.version, what);
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      this.report(error.code, error.message);
      return undefined;
    }
  }

  private noteEntry(entry: L2Entry, what: string): void {
    const { result } = this;
    if (entry.compressed !== undefined) {
      result.compressed += 1;
      this.markCompressed(entry.compressed, what);
      return;
    }
    if (isData(entry.mapping)) {
      result.allocated += 1;
      if (this.lastHost !== 0 && entry.mapping !== this.lastHost + 1) result.breaks += 1;
      this.lastHost = entry.mapping;
    } else if (entry.mapping < 0) result.zero += 1;
    const host = hostOf(entry.mapping);
    if (host === 0) return;
    this.mark(host, what);
    if (!entry.copied && this.layout.header.snapshots === 0) {
      this.report('image.qcow2.corrupt', `${what} is not marked as used once, although there are no snapshots`);
    }
  }

  private markCompressed({ offset, length }: { offset: number; length: number }, what: string): void {
    const { clusterSize } = this.geometry;
    if (offset >= this.file.size) {
      this.report('image.qcow2.past-end', `${what} is compressed at ${offset}, behind the end of the file`);
      return;
    }
    // The count of sectors may be one too high at the end of the file.
    const last = Math.min(Math.floor((offset + length - 1) / clusterSize), this.result.fileClusters - 1);
    for (let host = Math.floor(offset / clusterSize); host <= last; host++) {
      if (!this.packed.has(host)) this.mark(host, what);
      this.packed.add(host);
    }
  }

  async scanRefcounts(): Promise<void> {
    const { refcountTable, sharedTables } = this.layout;
    if (sharedTables > 0) {
      this.report('image.qcow2.corrupt', `${sharedTables} L2 tables are not marked as used once`);
    }
    const readable = [...refcountTable.keys()].filter((index) => this.isReadable(refcountTable[index] as number));
    const zeros = Buffer.alloc(this.geometry.clusterSize);
    for await (const [index, block] of this.readClusters(readable, refcountTable)) {
      if (!block.equals(zeros)) this.scanBlock(index, block);
    }
    this.findUncounted();
  }

  private scanBlock(blockIndex: number, block: Buffer): void {
    const { refcountBits, refcountEntries } = this.geometry;
    const { used, counted, leaks } = this.result;
    for (let index = 0; index < refcountEntries; index++) {
      const count = readRefcount(block, index, refcountBits);
      if (count === 0) continue;
      const host = blockIndex * refcountEntries + index;
      counted.add(host);
      if (!used.has(host) || (count > 1 && !this.packed.has(host))) leaks.add(host);
    }
  }

  private findUncounted(): void {
    const { used, counted, uncounted, fileClusters } = this.result;
    for (const { first, count } of used.runs(fileClusters)) {
      for (let host = counted.nextAbsent(first, first + count); host < first + count;) {
        uncounted.add(host);
        host = counted.nextAbsent(host + 1, first + count);
      }
    }
  }
}
