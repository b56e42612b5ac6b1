import { refusal, success, type Principal, type Refusal, type Result } from '@drover/contract';
import { changeDevice } from '../devices/change.js';
import { checkUpload } from '../images/upload-use.js';
import type { JobRecord } from '../jobs/ports.js';
import type { AgainByKind } from '../jobs/retry.js';
import type { Store, Transaction } from '../store/ports.js';
import type { Attachments } from './attachments.js';
import type { Backups } from './backups.js';
import { beginWork, type BeginWorkDeps } from './begin-work.js';
import type { Disks } from './disks.js';
import { refuseBusy } from './find.js';
import type { BackupWork, DiskWork } from './orders.js';
import type { DiskOrigin } from './pool.js';
import type { DiskRecord } from './records.js';

export interface DiskRetriesDeps extends BeginWorkDeps {
  readonly store: Store;
  readonly backups: Pick<Backups, 'create'>;
  readonly disks: Pick<Disks, 'update' | 'flatten' | 'check' | 'remove' | 'takeSnapshot' | 'forgetSnapshot'>;
  readonly attachments: Pick<Attachments, 'detach'>;
}

type WorkOf<K extends DiskWork['kind']> = Extract<DiskWork, { kind: K }>;

const workOf = <K extends DiskWork['kind']>(_kind: K, { input }: Pick<JobRecord, 'input'>): WorkOf<K> =>
  input['work'] as WorkOf<K>;

/** How work on disks that failed is asked for again: as it was asked for first, for the disk may be another by now, or somebody else's turn. */
export const createDiskRetries = (deps: DiskRetriesDeps): AgainByKind => ({
  ...createdAgain(deps),
  'disk.resize': (who, job, also) => {
    const { disk, size } = workOf('resize', job);
    return deps.disks.update(who, disk, { size }, undefined, also);
  },
  'disk.flatten': (who, job, also) => deps.disks.flatten(who, workOf('flatten', job).disk, also),
  'disk.check': (who, job, also) => deps.disks.check(who, workOf('check', job).disk, also),
  // Its snapshots were agreed to when it was asked for first.
  'disk.remove': (who, job, also) => deps.disks.remove(who, workOf('remove', job).disk, true, undefined, also),
  // Nothing is left of the one that failed: another is made, under a name of its own.
  'disk.snapshot': (who, job, also) => deps.disks.takeSnapshot(who, workOf('snapshot', job).disk, {}, also),
  'disk.forget-snapshot': (who, job, also) => {
    const { disk, snapshot } = workOf('forget-snapshot', job);
    return deps.disks.forgetSnapshot(who, disk, snapshot, also);
  },
  'disk.attach': async (_who, job) => takenBack(workOf('attach', job)),
  'disk.detach': (who, job, also) => {
    const { disk, device, force } = workOf('detach', job);
    return deps.attachments.detach(who, disk, { device, force }, also);
  },
});

/** Whether it may be written to was forgotten with it. */
const takenBack = ({ disk, device }: WorkOf<'attach'>): Refusal =>
  refusal('job.finished', `The disk ${disk} was taken back from ${device}.`, {
    remedy: `Attach it again: drover disk attach ${disk} ${device}`,
  });

const createdAgain = (deps: DiskRetriesDeps): AgainByKind => ({
  // Nothing is left of the one that failed: another is made.
  'disk.backup': (who, { input }, also) => {
    const { disk, format } = input['work'] as Extract<BackupWork, { kind: 'backup' }>;
    return deps.backups.create(who, disk, { format }, also);
  },
  'disk.create': (who, job, also) =>
    deps.store.transaction(async (tx) => {
      const begun = await createAgain(deps, tx, who, workOf('create', job));
      if (begun.ok) await also?.(tx, begun.value);
      return begun;
    }),
});

/** The disk is there still, though it has failed; what it is to be made of may be gone. */
async function createAgain(
  deps: BeginWorkDeps,
  tx: Transaction,
  who: Principal,
  work: WorkOf<'create'>,
): Promise<Result<Pick<DiskRecord, 'job'>>> {
  const { disk: id, origin } = work.plan;
  const running = await tx.jobs.unfinished('disk.create', id);
  if (running !== undefined) return success({ job: running.id });
  const disk = await tx.disks.get(id);
  if (disk === undefined) return gone(id);
  const refused = refuseBusy(disk) ?? refuseMade(disk) ?? (await refuseOrigin(tx, who, disk, origin));
  if (refused !== undefined) return refused;
  if (origin.kind === 'upload') await tx.uploads.update(origin.upload, { image: id });
  await waitAgain(deps, tx, disk);
  return success(await beginWork(deps, tx, disk, work, { state: 'creating', stateReason: null }));
}

/** A device that failed for want of this disk waits for it again. */
async function waitAgain({ clock }: BeginWorkDeps, tx: Transaction, { id, device: of }: DiskRecord): Promise<void> {
  const device = of === null ? undefined : await tx.devices.get(of);
  if (device?.state !== 'failed' || device.assignment?.disk !== id) return;
  const { imageName, generation } = device.assignment;
  const at = new Date(clock.now()).toISOString();
  const event = { type: 'device.updated', at, data: { imageName, generation } } as const;
  await changeDevice(tx, device, { state: 'preparing', stateReason: null }, event);
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
