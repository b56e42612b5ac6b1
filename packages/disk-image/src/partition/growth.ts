import type { RandomAccess } from '../source.js';
import { planGptGrowth } from './growth-gpt.js';
import { planMbrGrowth } from './growth-mbr.js';
import type { PartitionGrowth } from './growth-plan.js';
import { readPartitionTable } from './table.js';

/**
 * Plans to let a partition reach to the end of its disk, which has become larger than its table knows. Only the last one can. Throws as
 * `readPartitionTable` does.
 */
export async function planPartitionGrowth(source: RandomAccess, number: number): Promise<PartitionGrowth> {
  const table = await readPartitionTable(source);
  const partition = table.partitions.find((each) => each.number === number);
  if (partition === undefined) return { kind: 'blocked', why: `there is no partition ${number}` };
  if (partition.extended === true) return { kind: 'blocked', why: `partition ${number} is an extended one` };
  const behind = table.partitions.find(({ extended, offset }) => extended !== true && offset > partition.offset);
  if (behind !== undefined) return { kind: 'blocked', why: `partition ${behind.number} lies behind it` };
  const task = { source, table, partition };
  return table.scheme === 'gpt' ? planGptGrowth(task) : planMbrGrowth(task);
}
