import { ImageError, planPartitionGrowth, readPartitionTable } from '@drover/disk-image';
import type { CardTarget } from './target.js';

/** What became of the last partition, in bytes; `why` is a clause. */
export type Growth =
  | { readonly kind: 'grown'; readonly partition: number; readonly before: number; readonly after: number }
  | { readonly kind: 'left'; readonly why: string };

/** Lets the partition of the root reach to the end of the card. Its file system grows when the board has started. */
export async function growRoot(target: CardTarget, bootPartition: number | undefined): Promise<Growth> {
  try {
    const { partitions } = await readPartitionTable(target);
    const last = partitions
      .filter(({ extended }) => extended !== true)
      .reduce((a, b) => (a.offset > b.offset ? a : b), partitions[0] ?? { number: 0, offset: 0 });
    if (last.number === 0 || last.number === bootPartition) return { kind: 'left', why: 'it has no root partition' };
    const plan = await planPartitionGrowth(target, last.number);
    if (plan.kind === 'none') return { kind: 'left', why: 'it fills the card already' };
    if (plan.kind === 'blocked') return { kind: 'left', why: plan.why };
    for (const step of plan.steps) {
      for (const { offset, bytes } of step) await target.write(offset, bytes);
      await target.sync();
    }
    return { kind: 'grown', partition: last.number, before: plan.before, after: plan.after };
  } catch (error) {
    if (error instanceof ImageError) return { kind: 'left', why: error.message };
    throw error;
  }
}
