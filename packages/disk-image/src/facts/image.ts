import { ImageError } from '../errors.js';
import type { Ext4Volume } from '../ext4/types.js';
import { openExt4 } from '../ext4/volume.js';
import type { FatVolume } from '../fat/types.js';
import { openFat } from '../fat/volume.js';
import { readPartitionTable } from '../partition/table.js';
import type { PartitionTable } from '../partition/types.js';
import { windowOf, type RandomAccess } from '../source.js';
import { inspectBoot, isBoot } from './boot.js';
import { judgeModels } from './models.js';
import { inspectRoot, isRoot } from './root.js';
import type { ImageFacts } from './types.js';

interface Found<T> {
  partition: number;
  volume: T;
}

interface Search<T> {
  open: (window: RandomAccess) => Promise<T>;
  /** The code that says a partition holds another kind of file system. */
  otherKind: string;
  isWanted: (volume: T) => Promise<boolean>;
}

interface Result<T> {
  wanted?: Found<T>;
  /** The first that opened but is not what was looked for. */
  other?: Found<T>;
  /** The first that is of the right kind but cannot be read. */
  error?: ImageError;
}

async function search<T>(source: RandomAccess, table: PartitionTable, how: Search<T>): Promise<Result<T>> {
  const result: Result<T> = {};
  for (const { number, offset, length, extended } of table.partitions) {
    if (extended === true) continue;
    try {
      const volume = await how.open(windowOf(source, offset, length));
      const found = { partition: number, volume };
      if (await how.isWanted(volume)) return { ...result, wanted: found };
      result.other ??= found;
    } catch (error) {
      if (!(error instanceof ImageError)) throw error;
      if (error.code !== how.otherKind && error.code !== 'image.truncated') result.error ??= error;
    }
  }
  return result;
}

/** An opened image: the table, and the two file systems that matter. */
export interface OpenImage {
  table: PartitionTable;
  boot: Found<FatVolume>;
  root: Found<Ext4Volume> | undefined;
}

/**
 * Finds the boot partition (the first FAT with firmware, kernel or config.txt, else the first FAT) and the root
 * (the first ext2/3/4 with /etc or /sbin/init). Throws `image.no-boot-partition`, and what the file system it was
 * looking for is damaged with.
 */
export async function openImage(source: RandomAccess): Promise<OpenImage> {
  const table = await readPartitionTable(source);
  const boot = await openBoot(source, table);
  return { table, boot, root: await openRoot(source, table) };
}

/** The boot partition alone, as {@link openImage} finds it. `isBoot`: it holds firmware, a kernel or config.txt. */
export async function openBoot(
  source: RandomAccess,
  table: PartitionTable,
): Promise<Found<FatVolume> & { isBoot: boolean }> {
  const { wanted, other, error } = await search(source, table, {
    open: openFat,
    otherKind: 'image.fat.not-fat',
    isWanted: isBoot,
  });
  if (wanted !== undefined) return { ...wanted, isBoot: true };
  if (error !== undefined) throw error;
  if (other !== undefined) return { ...other, isBoot: false };
  throw new ImageError('image.no-boot-partition', 'None of the partitions holds a FAT file system', {
    remedy: 'Give an SD-card image for a Raspberry Pi: it has a FAT boot partition.',
  });
}

/** The root alone, as {@link openImage} finds it. */
export async function openRoot(source: RandomAccess, table: PartitionTable): Promise<Found<Ext4Volume> | undefined> {
  const ext4 = await search(source, table, { open: openExt4, otherKind: 'image.ext4.not-ext4', isWanted: isRoot });
  if (ext4.wanted === undefined && ext4.error !== undefined) throw ext4.error;
  return ext4.wanted;
}

/** Reads everything an image says about itself. Throws `ImageError` with any code of a reader. */
export async function inspectImage(source: RandomAccess): Promise<ImageFacts> {
  const { table, boot, root } = await openImage(source);
  const rootFacts = root === undefined ? null : await inspectRoot(root.volume, root.partition);
  const bootPartition = await inspectBoot(boot.volume, boot.partition, rootFacts?.moduleReleases ?? []);
  return {
    size: source.size,
    partitionTable: table,
    boot: bootPartition.facts,
    root: rootFacts,
    models: judgeModels(bootPartition, rootFacts),
  };
}
