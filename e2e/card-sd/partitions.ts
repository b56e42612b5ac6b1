import { run } from '../inputs/run.js';

/** In sectors of 512 bytes. */
export interface Partition {
  readonly start: number;
  readonly size: number;
  /** Of the MBR, in hex: `c`, `83`. */
  readonly type: string;
}

export async function partitionsOf(card: string): Promise<Partition[]> {
  const { stdout } = await run(['sfdisk', '-J', card]);
  const { partitions } = (JSON.parse(stdout) as { partitiontable: { partitions: Partition[] } }).partitiontable;
  return partitions.map(({ start, size, type }) => ({ start, size, type }));
}
