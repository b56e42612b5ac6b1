import type { Device, DiskAccess } from '@drover/contract';
import { client } from '../../api/client.js';
import { readDisksAnew } from './queries.js';

export const nameHint = 'Lower-case letters, digits and hyphens. On the board it is /dev/disk/by-id/drover-NAME.';

/** Makes a disk; one that is for a board is attached when it is made. */
export const makeDisk = async (
  body: Parameters<typeof client.disks.create>[0]['body'],
  device: Device | undefined,
  access: DiskAccess,
): Promise<void> => {
  const disk = await client.disks.create({ body });
  readDisksAnew();
  if (device === undefined) return;
  if (disk.job !== null) await client.waitForJob(disk.job);
  await client.disks.attach({ params: { ref: disk.id }, body: { device: device.id, access } });
  readDisksAnew();
};
