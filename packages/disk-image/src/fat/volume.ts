import { ImageError } from '../errors.js';
import { readExtents, type Extent, type RandomAccess } from '../source.js';
import { parseBootSector, type FatLayout } from './boot-sector.js';
import { parseDirectory, type DirectoryRecord } from './directory.js';
import { foldCase, requireSafeName } from './names.js';
import { AllocationTable } from './table.js';
import type { FatEntry, FatVolume } from './types.js';

/** 65,536 entries of 32 bytes: the largest directory FAT allows. */
const maxDirectoryBytes = 2 * 1024 * 1024;
const maxEntries = 100_000;
const maxDepth = 32;
const defaultReadLimit = 64 * 1024 * 1024;

interface Tree {
  label: string | undefined;
  entries: FatEntry[];
  byPath: Map<string, FatEntry>;
}

interface Folder {
  path: string;
  depth: number;
  extents: Extent[];
}

/** Cuts the last extents so that they hold exactly `size` bytes. */
function clip(extents: readonly Extent[], size: number): Extent[] {
  const clipped: Extent[] = [];
  let left = size;
  for (const { offset, length } of extents) {
    if (left === 0) break;
    clipped.push({ offset, length: Math.min(length, left) });
    left -= Math.min(length, left);
  }
  return clipped;
}

/** Reads the whole tree once, folder by folder. */
class TreeReader {
  private readonly source: RandomAccess;
  private readonly layout: FatLayout;
  private readonly table: AllocationTable;
  private readonly tree: Tree = { label: undefined, entries: [], byPath: new Map() };
  private readonly queue: Folder[] = [];

  constructor(source: RandomAccess, layout: FatLayout) {
    this.source = source;
    this.layout = layout;
    this.table = new AllocationTable(source, layout);
  }

  async read(): Promise<Tree> {
    const { root } = this.layout;
    const extents = 'cluster' in root ? await this.directoryChain('the root folder', root.cluster) : [{ ...root }];
    this.queue.push({ path: '', depth: 0, extents });
    for (let folder = this.queue.pop(); folder !== undefined; folder = this.queue.pop()) await this.folder(folder);
    return this.tree;
  }

  private async directoryChain(owner: string, cluster: number): Promise<Extent[]> {
    return this.table.chain(owner, cluster, { most: Math.ceil(maxDirectoryBytes / this.layout.clusterSize) });
  }

  private async folder(folder: Folder): Promise<void> {
    const bytes = await readExtents(this.source, folder.extents);
    for (const record of parseDirectory(bytes, this.layout.kind === 'fat32')) {
      if (record.kind !== 'label') await this.record(folder, record);
      else if (folder.path === '') this.tree.label ??= record.name;
    }
  }

  private async record(folder: Folder, record: DirectoryRecord): Promise<void> {
    requireSafeName(record.name, folder.path);
    const path = folder.path === '' ? record.name : `${folder.path}/${record.name}`;
    const entry =
      record.kind === 'directory' ? await this.subfolder(folder, record, path) : await this.file(record, path);
    const key = foldCase(path);
    if (this.tree.byPath.has(key)) {
      throw new ImageError('image.fat.duplicate-name', `${path} is there twice`, {
        remedy: 'Repair the file system with fsck.fat, or write the image again.',
      });
    }
    if (this.tree.entries.length >= maxEntries) {
      throw new ImageError('image.fat.too-many-entries', `More than ${maxEntries} files and folders`);
    }
    this.tree.byPath.set(key, entry);
    this.tree.entries.push(entry);
  }

  private async subfolder(parent: Folder, record: DirectoryRecord, path: string): Promise<FatEntry> {
    if (parent.depth >= maxDepth) {
      throw new ImageError('image.fat.too-deep', `${path} is nested deeper than ${maxDepth} folders`);
    }
    const extents = await this.directoryChain(path, record.cluster);
    this.queue.push({ path, depth: parent.depth + 1, extents });
    return { path, kind: 'directory', size: 0, extents: [], ...(record.mtime ? { mtime: record.mtime } : {}) };
  }

  private async file(record: DirectoryRecord, path: string): Promise<FatEntry> {
    const clusters = Math.ceil(record.size / this.layout.clusterSize);
    const chain = clusters === 0 ? [] : await this.table.chain(path, record.cluster, { clusters });
    const extents = clip(chain, record.size);
    return { path, kind: 'file', size: record.size, extents, ...(record.mtime ? { mtime: record.mtime } : {}) };
  }
}

const keyOf = (path: string): string => foldCase(path.replace(/^\/+|\/+$/gu, ''));

/**
 * Opens a FAT12, FAT16 or FAT32 volume. Reads the boot sector and the whole tree once: some ten reads for a
 * Pi's boot partition. Throws `image.fat.*`, `image.name-unsafe` or `image.truncated`.
 */
export async function openFat(window: RandomAccess): Promise<FatVolume> {
  const layout = parseBootSector(await window.read(0, 512), window.size);
  const tree = await new TreeReader(window, layout).read();

  const fileAt = (path: string): FatEntry => {
    const entry = tree.byPath.get(keyOf(path));
    if (entry === undefined) throw new ImageError('image.not-found', `There is no ${path} on the FAT volume`);
    if (entry.kind !== 'file') throw new ImageError('image.not-a-file', `${path} is a folder`);
    return entry;
  };

  return {
    kind: layout.kind,
    label: tree.label ?? layout.label,
    serial: layout.serial,
    clusterSize: layout.clusterSize,
    dirty: layout.dirty,
    entries: async () => tree.entries,
    stat: async (path) => tree.byPath.get(keyOf(path)),
    extents: async (path) => fileAt(path).extents,
    readFile: async (path, limit = defaultReadLimit) => {
      const { size, extents } = fileAt(path);
      if (size <= limit) return readExtents(window, extents);
      throw new ImageError('image.too-large', `${path} has ${size} bytes, more than the ${limit} allowed here`);
    },
  };
}
