import { success, type DiskAttachment, type EventType, type JobKind } from '@drover/contract';
import { changeDevice } from '../devices/change.js';
import { markInUse, type ReadyDeps } from '../devices/ready.js';
import type { EnqueueJob, FailedEnd, JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import type { UploadStore } from '../images/ports.js';
import { beginWork, saveDisk } from './begin-work.js';
import type { OrderDesk } from './order-desk.js';
import type { DiskOrderResult, DiskWork } from './orders.js';
import { placeOrder } from './place-order.js';
import type { DiskChange, DiskRecord } from './records.js';

export interface DiskWorkDeps extends ReadyDeps {
  readonly store: Store;
  readonly desk: OrderDesk;
  readonly enqueue: EnqueueJob;
  readonly clock: Clock;
  readonly uploads: Pick<UploadStore, 'delete'>;
}

const kinds = [
  'disk.create',
  'disk.snapshot',
  'disk.forget-snapshot',
  'disk.resize',
  'disk.flatten',
  'disk.check',
  'disk.attach',
  'disk.detach',
  'disk.remove',
] as const satisfies readonly JobKind[];

const workOf = ({ input }: JobContext): DiskWork => input['work'] as DiskWork;
const diskOf = (work: DiskWork): string => (work.kind === 'create' ? work.plan.disk : work.disk);

/**
 * Has work on disks done by the boot plane, under the id of the job, and writes down how it ended. All of it may be repeated. A disk or snapshot whose making
 * was cancelled leaves no file; other work is left where it stands, and the disk is as good as before.
 */
export const createDiskJobs = (deps: DiskWorkDeps): JobHandler[] =>
  kinds.map((kind) => ({
    kind,
    run: async (context) => {
      const work = workOf(context);
      const result = await placeOrder(deps.desk, context, context.id, work);
      await deps.store.transaction((tx) => settle(deps, tx, work, result));
      return success({ disk: diskOf(work), ...said(result) });
    },
    undo: (context) => undo(deps, context),
    unwind: async (tx, context, end) => {
      await giveUp(deps, tx, workOf(context), end);
      return undefined;
    },
    tidy: (context) => dropUpload(deps, workOf(context)),
  }));

/** What of the result is for whoever asked for the work. */
const said = ({ reports, growth, directory }: DiskOrderResult): Record<string, unknown> => ({
  ...(directory === undefined ? {} : { clone: directory.clone, nfs: directory.nfs }),
  ...(reports === undefined ? {} : { files: reports }),
  ...(growth === undefined || growth.kind === 'none' ? {} : { growth }),
});

/** Takes back what makes something new: the boot plane may have been done with it when the job ended. */
const undo = async (deps: DiskWorkDeps, context: JobContext): Promise<void> => {
  const back = backOf(workOf(context));
  if (back === undefined) return;
  const never = new AbortController();
  await placeOrder(deps.desk, { ...context, signal: never.signal }, `${context.id}-undo`, back);
};

const backOf = (work: DiskWork): DiskWork | undefined => {
  if (work.kind === 'create') return { kind: 'remove', disk: work.plan.disk };
  if (work.kind === 'snapshot') return { kind: 'forget-snapshot', disk: work.disk, snapshot: work.snapshot };
  if (work.kind === 'attach') return { kind: 'detach', disk: work.disk, device: work.device, force: true };
  return undefined;
};

/** Events and changes of a disk when work on it has ended well. */
async function settle(
  deps: DiskWorkDeps,
  tx: Transaction,
  work: DiskWork,
  { facts, directory }: DiskOrderResult,
): Promise<void> {
  const disk = await tx.disks.get(diskOf(work));
  if (disk === undefined) return;
  const at = new Date(deps.clock.now()).toISOString();
  const done: DiskChange = { job: null, ownBytes: (facts ?? directory)?.ownBytes ?? null, updatedAt: at };
  const rest: DiskChange = { ...done, state: 'ready', stateReason: null };
  if (isRetired(disk, work)) return removeRetired(deps, tx, disk);
  if (work.kind === 'attach' || work.kind === 'detach') return settleAttachment(tx, disk, work, at);
  const tell = (type: EventType, data: Record<string, unknown> = {}): Promise<void> =>
    tx.events.append({ type, at, tenant: disk.tenant, subject: disk.id, data: { name: disk.name, ...data } });
  switch (work.kind) {
    case 'create':
      await saveDisk(tx, disk, { ...rest, clone: directory?.clone ?? null, nfs: directory?.nfs ?? null });
      await endUpload(tx, work, false);
      await tell('disk.ready');
      return markDevice(deps, tx, disk, at, undefined);
    case 'resize':
      await saveDisk(tx, disk, { ...rest, size: work.size });
      return tell('disk.updated', { size: work.size, before: disk.size });
    case 'snapshot': {
      const size = facts?.snapshots.find(({ id }) => id === work.snapshot)?.size;
      await tx.disks.updateSnapshot(work.snapshot, {
        state: 'ready',
        job: null,
        ...(size === undefined ? {} : { size }),
      });
      await saveDisk(tx, disk, rest);
      return tell('disk.snapshot-taken', { snapshot: work.snapshot });
    }
    case 'forget-snapshot':
      await tx.disks.deleteSnapshot(work.snapshot);
      await saveDisk(tx, disk, rest);
      return tell('disk.snapshot-deleted', { snapshot: work.snapshot });
    case 'flatten':
    case 'check':
      await saveDisk(tx, disk, rest);
      return;
    case 'remove':
      await tx.disks.delete(disk.id);
      return tell('disk.deleted');
  }
}

/** The device was released meanwhile where it is not noted any more: then nothing is to be told. */
async function settleAttachment(
  tx: Transaction,
  disk: DiskRecord,
  { kind, device }: Extract<DiskWork, { kind: 'attach' | 'detach' }>,
  at: string,
): Promise<void> {
  const attachment = kind === 'attach' ? attachmentOf(disk, device) : leavingOf(disk, device);
  if (attachment === undefined) return kind === 'attach' ? void (await saveDisk(tx, disk, { job: null })) : undefined;
  if (kind === 'detach') await tx.disks.detach(disk.id, device);
  await saveDisk(tx, disk, { job: null, updatedAt: at });
  const data = { name: disk.name, device, access: attachment.access };
  const type = kind === 'attach' ? 'disk.attached' : 'disk.detached';
  await tx.events.append({ type, at, tenant: disk.tenant, subject: disk.id, data });
}

const attachmentOf = ({ attachments }: DiskRecord, device: string): DiskAttachment | undefined =>
  attachments.find((each) => each.device === device);

/** The attachment that a job takes away. One that is not leaving is newer than the job: the device was released, and has got the disk again. */
const leavingOf = (disk: DiskRecord, device: string): DiskAttachment | undefined => {
  const found = attachmentOf(disk, device);
  return found?.state === 'detaching' ? found : undefined;
};

/** A root disk whose assignment ended while it was being worked on. */
const isRetired = (disk: DiskRecord, work: DiskWork): boolean => disk.state === 'deleting' && work.kind !== 'remove';

const removeRetired = async (deps: DiskWorkDeps, tx: Transaction, disk: DiskRecord): Promise<void> => {
  await beginWork(deps, tx, disk, { kind: 'remove', disk: disk.id });
};

/** The device that waits for its root disk goes on, or has failed with the reason. */
async function markDevice(
  deps: DiskWorkDeps,
  tx: Transaction,
  disk: DiskRecord,
  at: string,
  reason: string | undefined,
): Promise<void> {
  if (disk.role !== 'root' || disk.device === null) return;
  const device = await tx.devices.get(disk.device);
  if (device?.assignment?.disk !== disk.id || device.state !== 'preparing') return;
  const { imageName } = device.assignment;
  if (reason === undefined) await markInUse(deps, tx, device);
  else
    await changeDevice(
      tx,
      device,
      { state: 'failed', stateReason: reason },
      { type: 'device.failed', at, data: { imageName, reason } },
    );
}

/** The board did not let go. */
async function keepAttached(tx: Transaction, disk: DiskRecord, device: string): Promise<void> {
  const kept = attachmentOf(disk, device);
  if (kept !== undefined) await tx.disks.attach(disk.id, { ...kept, state: 'attached' });
}

const uploadOf = (work: DiskWork): string | undefined =>
  work.kind === 'create' && work.plan.origin.kind === 'upload' ? work.plan.origin.upload : undefined;

/** A disk that was made of an upload has its bytes. `isKept`: it may be tried again with them, until they expire as any upload does. */
async function endUpload(tx: Transaction, work: DiskWork, isKept: boolean): Promise<void> {
  const upload = uploadOf(work);
  if (upload !== undefined) await (isKept ? tx.uploads.update(upload, { image: null }) : tx.uploads.delete(upload));
}

async function dropUpload({ store, uploads }: DiskWorkDeps, work: DiskWork): Promise<void> {
  const upload = uploadOf(work);
  if (upload !== undefined && (await store.read((tx) => tx.uploads.get(upload))) === undefined)
    await uploads.delete(upload);
}

/** What the database says of work that did not come to its end. */
async function giveUp(
  deps: DiskWorkDeps,
  tx: Transaction,
  work: DiskWork,
  { reason, isGivenUp }: FailedEnd,
): Promise<void> {
  const disk = await tx.disks.get(diskOf(work));
  if (disk === undefined) return;
  if (isRetired(disk, work)) return removeRetired(deps, tx, disk);
  // Its device was released: the disk is no longer this job's.
  if (work.kind === 'detach' && leavingOf(disk, work.device) === undefined) return;
  await endUpload(tx, work, isGivenUp);
  const at = new Date(deps.clock.now()).toISOString();
  const isMade = work.kind !== 'create';
  // What could not be made, and cannot be removed either, has failed as before.
  const stateReason = isMade ? disk.stateReason : reason;
  await saveDisk(tx, disk, {
    ...{ state: stateReason === null ? 'ready' : 'failed', stateReason },
    ...{ job: null, updatedAt: at },
  });
  if (work.kind === 'attach') await tx.disks.detach(disk.id, work.device);
  if (work.kind === 'detach') await keepAttached(tx, disk, work.device);
  if (work.kind === 'snapshot') await tx.disks.deleteSnapshot(work.snapshot);
  if (work.kind === 'forget-snapshot') await tx.disks.updateSnapshot(work.snapshot, { state: 'ready', job: null });
  if (!isMade)
    await tx.events.append({
      type: 'disk.failed',
      at,
      tenant: disk.tenant,
      subject: disk.id,
      data: { name: disk.name, reason },
    });
  if (!isMade) await markDevice(deps, tx, disk, at, `its disk cannot be made: ${reason}`);
}
