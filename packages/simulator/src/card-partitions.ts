/** The partitions of a card, as firmware finds them: the four of an MBR. */
import { partOf, type DiskBytes } from './disk-bytes.js';
import { openFat, type FatImage } from './fat-image.js';

export interface CardPartition {
  /** 1 to 4. */
  readonly number: number;
  readonly type: number;
  readonly bytes: DiskBytes;
}

const sector = 512;
const tableAt = 446;
const entryBytes = 16;

/** Types that the mask ROM takes for FAT (fw#1711, fw#184). */
const fatTypes = [0x01, 0x04, 0x06, 0x0b, 0x0c, 0x0e];

/** Partitions that have a place on the disk. Empty without a table, or with one of a file system's text instead of entries. */
export const readPartitions = (disk: DiskBytes): readonly CardPartition[] => {
  const head = disk.read(0, sector);
  if (head.length < sector || head.readUInt16LE(510) !== 0xaa55) return [];
  return [0, 1, 2, 3].flatMap((index) => {
    const entry = head.subarray(tableAt + index * entryBytes, tableAt + (index + 1) * entryBytes);
    const [start, length] = [entry.readUInt32LE(8) * sector, entry.readUInt32LE(12) * sector];
    const type = entry[4] ?? 0;
    const isEntry = ((entry[0] ?? 0) & 0x7f) === 0 && type !== 0 && start > 0 && length > 0 && start < disk.size;
    return isEntry ? [{ number: index + 1, type, bytes: partOf(disk, start, length) }] : [];
  });
};

/** A partition with a FAT file system that can be opened. */
export interface FatPartition extends CardPartition {
  readonly fat: FatImage;
}

export const fatPartitions = (disk: DiskBytes): readonly FatPartition[] =>
  readPartitions(disk).flatMap((partition) => {
    const fat = openFat(partition.bytes);
    return fat === undefined ? [] : [{ ...partition, fat }];
  });

export const hasFatType = ({ type }: CardPartition): boolean => fatTypes.includes(type);
