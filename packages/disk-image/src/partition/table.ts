import { ImageError } from '../errors.js';
import type { RandomAccess } from '../source.js';
import { readGpt } from './gpt.js';
import { parseBootRecord, protectiveType, readMbrPartitions } from './mbr.js';
import type { Partition, PartitionTable, PartitionTableOptions } from './types.js';

/**
 * Reads the partition table of a disk image: MBR with logical partitions, or GPT behind a protective MBR.
 * Throws `image.no-partition-table`, `image.gpt.corrupt`, or an `image.partition.*` code.
 */
export async function readPartitionTable(
  source: RandomAccess,
  options: PartitionTableOptions = {},
): Promise<PartitionTable> {
  const table = await readAnyTable(source, options.sectorSize ?? 512);
  requireInside(table.partitions, source.size);
  requireApart(table.partitions);
  return table;
}

async function readAnyTable(source: RandomAccess, sectorSize: number): Promise<PartitionTable> {
  const record = parseBootRecord(await source.read(0, 512));
  if (record === undefined) {
    throw new ImageError('image.no-partition-table', 'The image does not start with a partition table', {
      at: 0,
      remedy: 'Give the image of a whole SD card, not of one partition, and decompress it first.',
    });
  }
  if (record.slots.some((slot) => slot.type === protectiveType)) return readGpt(source);
  const partitions = await readMbrPartitions(source, record, sectorSize);
  return { scheme: 'mbr', diskId: record.diskId, sectorSize, partitions };
}

function requireInside(partitions: readonly Partition[], size: number): void {
  for (const { number, offset, length } of partitions) {
    if (offset + length <= size) continue;
    throw new ImageError(
      'image.partition.past-end',
      `Partition ${number} ends at byte ${offset + length}, but the image has ${size}`,
      { at: offset, remedy: 'The image is cut short: download or copy it again and compare its checksum.' },
    );
  }
}

/** Also catches a partition that starts in sector 0, on top of the table. */
function requireApart(partitions: readonly Partition[]): void {
  const ordered = partitions.filter((partition) => partition.extended !== true).sort((a, b) => a.offset - b.offset);
  let before: Partition | undefined;
  for (const partition of ordered) {
    const end = before === undefined ? 1 : before.offset + before.length;
    if (partition.offset < end) {
      const other = before === undefined ? 'the partition table' : `partition ${before.number}`;
      throw new ImageError('image.partition.overlap', `Partition ${partition.number} overlaps ${other}`, {
        at: partition.offset,
        remedy: 'Correct the partition table with sfdisk, or write the image again.',
      });
    }
    before = partition;
  }
}
