import type { RandomAccess } from '../source.js';
import type { Partition, PartitionTable } from './types.js';

/** Bytes to be written at a place of the disk. */
export interface DiskWrite {
  offset: number;
  bytes: Uint8Array;
}

/** What makes the last partition of a disk reach to its end. */
export type PartitionGrowth =
  /** It does already, but for less than {@link growthUnit}. */
  | { kind: 'none' }
  /** It cannot be done by changing numbers in the table; `why` is a clause. */
  | { kind: 'blocked'; why: string }
  | {
      kind: 'growth';
      /** Bytes of the partition; alike when only a copy of the table is mended. */
      before: number;
      after: number;
      /**
       * Each step must be durable before the next is begun, in itself its writes may happen in any order. A crash in between, also one that tears a write
       * between sectors, leaves a table that this function takes up again.
       */
      steps: readonly (readonly DiskWrite[])[];
    };

/** What to grow, and up to where. */
export interface GrowthTask {
  source: RandomAccess;
  table: PartitionTable;
  partition: Partition;
}

/** Partitions end at a multiple of so many bytes, as sfdisk and others lay them out, and less room than that is left alone. */
export const growthUnit = 1024 * 1024;
