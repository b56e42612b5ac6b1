import { withTimeLimit } from '@drover/contract';
import { backupPath, readDiskContent } from '../adapters/disks/index.js';
import type { BootBackend } from '../app/boot/ports.js';
import type { Powering } from '../app/devices/ports.js';
import { createAttachments, type Attachments } from '../app/disks/attachments.js';
import { createBackupJob } from '../app/disks/backup-job.js';
import { createBackups, type Backups } from '../app/disks/backups.js';
import { createDisks, type Disks } from '../app/disks/disks.js';
import type { OrderDesk } from '../app/disks/order-desk.js';
import { createRootDisks, type RootDisks } from '../app/disks/root-disks.js';
import { createDiskJobs } from '../app/disks/work-job.js';
import type { ImageUnpacker } from '../app/images/ports.js';
import type { EnqueueJob, JobHandler } from '../app/jobs/handler.js';
import type { Clock, Ids } from '../app/ports.js';
import type { Settings } from '../config.js';
import type { Storage } from './storage.js';

export interface DiskSide {
  readonly disks: Disks;
  readonly attachments: Attachments;
  readonly backups: Backups;
  readonly rootDisks: RootDisks;
  readonly jobs: readonly JobHandler[];
  /** What the boot plane is to do with disks. Waits for news, but not for long. */
  readonly diskOrders: BootBackend['diskOrders'];
}

/** Disks as people and boards have them, and the jobs that the boot plane carries out. */
export function createDiskSide(
  { site, dataDir }: Pick<Settings, 'site' | 'dataDir'>,
  { store, blobs, uploads }: Storage,
  deps: {
    readonly clock: Clock;
    readonly ids: Ids;
    readonly enqueue: EnqueueJob;
    readonly powering: Powering;
    /** Where the boot plane is told what to do. */
    readonly desk: OrderDesk;
    readonly digest: ImageUnpacker['digest'];
    readonly defaultTenant: string;
    readonly signal: AbortSignal;
  },
): DiskSide {
  const { clock, ids, enqueue, powering, desk, digest, defaultTenant, signal } = deps;
  const common = { store, enqueue, clock, ids, site, defaultTenant };
  const backupJob = createBackupJob({
    ...{ store, blobs, desk, clock, enqueue, digest },
    backupPath: (backup) => backupPath(dataDir, backup),
  });
  return {
    disks: createDisks({ ...common, readUpload: (upload) => readDiskContent(uploads.path(upload)) }),
    attachments: createAttachments(common),
    backups: createBackups({ ...common, blobs }),
    rootDisks: createRootDisks(common),
    jobs: [...createDiskJobs({ store, desk, clock, enqueue, powering, uploads }), backupJob],
    diskOrders: (known, reports) =>
      desk.exchange(known, reports, withTimeLimit(signal, known.length > 0 ? 1_000 : 10_000)),
  };
}
