import { refusal, success, type Principal, type Refusal, type Result } from '@drover/contract';
import { checkUpload } from '../images/upload-use.js';
import type { AgainByKind } from '../jobs/retry.js';
import type { Store, Transaction } from '../store/ports.js';
import type { Backups } from './backups.js';
import { beginWork, type BeginWorkDeps } from './begin-work.js';
import { refuseBusy } from './find.js';
import type { BackupWork, DiskWork } from './orders.js';
import type { DiskOrigin } from './pool.js';
import type { DiskRecord } from './records.js';

export interface DiskRetriesDeps extends BeginWorkDeps {
  readonly store: Store;
  readonly backups: Pick<Backups, 'create'>;
}

/** How work on disks that failed is asked for again. */
export const createDiskRetries = (deps: DiskRetriesDeps): AgainByKind => ({
  // Nothing is left of the one that failed: another is made.
  'disk.backup': (who, { input }, also) => {
    const { disk, format } = input['work'] as Extract<BackupWork, { kind: 'backup' }>;
    return deps.backups.create(who, disk, { format }, also);
  },
  'disk.create': (who, { input }, also) =>
    deps.store.transaction(async (tx) => {
      const begun = await createAgain(deps, tx, who, input['work'] as CreateWork);
      if (begun.ok) await also?.(tx, begun.value);
      return begun;
    }),
});

type CreateWork = Extract<DiskWork, { kind: 'create' }>;

/** The disk is there still, though it has failed; what it is to be made of may be gone. */
async function createAgain(
  deps: BeginWorkDeps,
  tx: Transaction,
  who: Principal,
  work: CreateWork,
): Promise<Result<Pick<DiskRecord, 'job'>>> {
  const { disk: id, origin } = work.plan;
  const running = await tx.jobs.unfinished('disk.create', id);
  if (running !== undefined) return success({ job: running.id });
  const disk = await tx.disks.get(id);
  if (disk === undefined) return gone(id);
  const refused = refuseBusy(disk) ?? refuseMade(disk) ?? (await refuseOrigin(tx, who, disk, origin));
  if (refused !== undefined) return refused;
  if (origin.kind === 'upload') await tx.uploads.update(origin.upload, { image: id });
  return success(await beginWork(deps, tx, disk, work, { state: 'creating', stateReason: null }));
}

const gone = (id: string): Refusal =>
  refusal('disk.not-found', `The disk ${id} was deleted since.`, { remedy: 'Make another: drover disk create' });

const refuseMade = ({ name, state }: DiskRecord): Refusal | undefined =>
  state === 'failed'
    ? undefined
    : refusal('job.finished', `The disk ${name} was made since.`, { remedy: 'There is nothing to try again.' });

/** Why a disk can no longer be made of what it was to be made of; undefined where only the boot plane can tell. */
async function refuseOrigin(
  tx: Transaction,
  who: Principal,
  { name, restoredFrom }: DiskRecord,
  origin: DiskOrigin,
): Promise<Refusal | undefined> {
  if (origin.kind === 'upload') {
    const checked = await checkUpload(tx, who, 'upload', origin.upload);
    return checked.ok ? undefined : checked;
  }
  if (restoredFrom === null || (await tx.backups.get(restoredFrom)) !== undefined) return undefined;
  return refusal('backup.not-found', `The backup ${restoredFrom} that ${name} was to be made of was deleted.`, {
    remedy: `Delete the disk (drover disk delete ${name}), and make it of another backup.`,
  });
}
