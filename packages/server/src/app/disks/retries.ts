import type { AgainByKind } from '../jobs/retry.js';
import type { Backups } from './backups.js';
import type { BackupWork } from './orders.js';

/** How work on disks that failed is asked for again. */
export const createDiskRetries = ({ backups }: { readonly backups: Pick<Backups, 'create'> }): AgainByKind => ({
  // Nothing is left of the one that failed: another is made.
  'disk.backup': (who, { input }, also) => {
    const { disk, format } = input['work'] as Extract<BackupWork, { kind: 'backup' }>;
    return backups.create(who, disk, { format }, also);
  },
});
