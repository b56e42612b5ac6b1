/** One partition, as Linux sees it. */
export interface Partition {
  /** As Linux numbers it: slots 1 to 4 of an MBR, logical partitions from 5, GPT slots from 1. */
  number: number;
  /** Bytes from the start of the disk. */
  offset: number;
  /** Bytes. */
  length: number;
  /** MBR: two lower-case hex digits such as `0c`. GPT: the type GUID in lower case. */
  type: string;
  /** What `root=PARTUUID=` names: `<disk id>-<number>` on MBR, the partition's GUID on GPT. */
  partuuid: string;
  /** GPT only. */
  name?: string;
  /** MBR: active. GPT: legacy BIOS bootable. */
  bootable?: boolean;
  /** An MBR extended partition: it only holds the logical ones, which are listed too. */
  extended?: boolean;
}

export interface PartitionTable {
  scheme: 'mbr' | 'gpt';
  /** MBR: the disk signature as 8 hex digits. GPT: the disk GUID. */
  diskId: string;
  sectorSize: number;
  /** Ordered by number. */
  partitions: Partition[];
}

export interface PartitionTableOptions {
  /** Bytes. Needed only for an MBR made for 4096-byte sectors: a GPT tells its own. Default 512. */
  sectorSize?: number;
}
