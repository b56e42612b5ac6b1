import type { JobKind } from '@drover/contract';
import type { EnqueueJob } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Transaction } from '../store/ports.js';
import type { DiskWork } from './orders.js';
import type { DiskChange, DiskRecord } from './records.js';

export interface BeginWorkDeps {
  readonly enqueue: EnqueueJob;
  readonly clock: Clock;
}

/** Queues work on a disk and notes it there, in the caller's transaction, with whatever else changes. One at a time: ask refuseBusy first. */
export async function beginWork(
  deps: BeginWorkDeps,
  tx: Transaction,
  disk: DiskRecord,
  work: DiskWork,
  more: DiskChange = {},
): Promise<DiskRecord> {
  const kind: JobKind = `disk.${work.kind}`;
  const job = await deps.enqueue(tx, { kind, tenant: disk.tenant, subject: disk.id, input: { work } });
  return saveDisk(tx, disk, { ...more, job, updatedAt: new Date(deps.clock.now()).toISOString() });
}

/** Changes a disk as it was read in this transaction. */
export async function saveDisk(tx: Transaction, disk: DiskRecord, change: DiskChange): Promise<DiskRecord> {
  if (!(await tx.disks.update(disk.id, disk.revision, change)))
    throw new Error(`the disk ${disk.id} was changed in the same transaction`);
  return { ...disk, ...change, revision: disk.revision + 1 };
}
