import { ImageError, planPartitionGrowth, type PartitionGrowth, type Qcow2Disk } from '@drover/disk-image';
import type { RootGrowth } from '../../../app/disks/pool.js';
import type { OpenedDisk } from '../opened-disk.js';

/** Lets the root's partition reach to the end of a disk that is larger than its image. `inUse`: somebody reads and writes it, so that it has to wait. */
export async function growRoot(
  { disk, place }: Pick<OpenedDisk, 'disk' | 'place'>,
  partition: number,
  inUse: boolean,
): Promise<RootGrowth> {
  if (place.base === undefined || disk.size <= place.base.view.size) return { kind: 'none' };
  const plan = await planned(disk, partition);
  if (plan.kind === 'none') return plan;
  if (plan.kind === 'blocked') return { ...plan, partition };
  if (inUse) return { kind: 'later', partition };
  for (const step of plan.steps) {
    for (const { offset, bytes } of step) await disk.write(offset, bytes);
    await disk.flush();
  }
  return { kind: 'grown', partition, before: plan.before, after: plan.after };
}

/** A table that cannot be read stays as it is: the guest may know better what to do with it. */
async function planned(disk: Qcow2Disk, partition: number): Promise<PartitionGrowth> {
  const source = { size: disk.size, read: async (offset: number, length: number) => disk.read(offset, length) };
  try {
    return await planPartitionGrowth(source, partition);
  } catch (error) {
    if (!(error instanceof ImageError) || error.code.startsWith('image.qcow2.')) throw error;
    return { kind: 'blocked', why: `its partition table cannot be read: ${error.message}` };
  }
}
