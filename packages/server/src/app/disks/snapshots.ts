import { refusal, success, type DiskSnapshot, type Result, type SnapshotCreate } from '@drover/contract';
import type { Ids } from '../ports.js';
import type { Transaction } from '../store/ports.js';
import { beginWork, type BeginWorkDeps } from './begin-work.js';
import { findSnapshot, refuseBusy, refuseDirectory, refuseUnready } from './find.js';
import type { DiskWork } from './orders.js';
import type { DiskRecord } from './records.js';

/** Has a state of the disk kept, in the caller's transaction. */
export async function takeSnapshot(
  deps: BeginWorkDeps & { readonly ids: Ids },
  tx: Transaction,
  disk: DiskRecord,
  wanted: SnapshotCreate,
): Promise<Result<DiskSnapshot>> {
  const refused = refuseUnready(disk) ?? refuseDirectory(disk, 'has no snapshots');
  if (refused !== undefined) return refused;
  const id = deps.ids.next('snp');
  const name = wanted.name ?? `state-${id.slice(-8).toLowerCase()}`;
  const snapshot: DiskSnapshot = {
    ...{ id, name, disk: disk.id, tenant: disk.tenant, size: disk.size },
    state: 'creating',
    stateReason: null,
    job: null,
    createdAt: new Date(deps.clock.now()).toISOString(),
  };
  if (!(await tx.disks.insertSnapshot(snapshot)))
    return refusal('disk.exists', `${disk.name} has a snapshot ${name} already.`, {
      remedy: 'Choose another name, or leave it out.',
      errors: [{ field: 'name', message: 'is taken' }],
    });
  const { job } = await beginWork(deps, tx, disk, { kind: 'snapshot', disk: disk.id, snapshot: id });
  await tx.disks.updateSnapshot(id, { job });
  return success({ ...snapshot, job });
}

/** Has a kept state let go, in the caller's transaction. */
export async function forgetSnapshot(
  deps: BeginWorkDeps,
  tx: Transaction,
  disk: DiskRecord,
  ref: string,
): Promise<Result<DiskSnapshot>> {
  const found = await findSnapshot(tx, disk, ref);
  if (!found.ok) return found;
  const refused = refuseBusy(disk);
  if (refused !== undefined) return refused;
  const work: DiskWork = { kind: 'forget-snapshot', disk: disk.id, snapshot: found.value.id };
  const { job } = await beginWork(deps, tx, disk, work);
  await tx.disks.updateSnapshot(found.value.id, { job, state: 'deleting' });
  return success({ ...found.value, job, state: 'deleting' });
}
