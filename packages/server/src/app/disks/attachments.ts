import {
  refusal,
  success,
  type Disk,
  type DiskAttach,
  type DiskAttachment,
  type DiskDetach,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import { findDevice } from '../devices/find.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import { beginWork, type BeginWorkDeps } from './begin-work.js';
import { findDisk, presentDisk, refuseBusy, refuseUnready } from './find.js';
import type { DiskWork } from './orders.js';
import type { DiskRecord } from './records.js';

export interface AttachmentsDeps extends BeginWorkDeps {
  readonly store: Store;
  readonly defaultTenant: string;
}

/**
 * Which boards have which data disks: one that writes, or any number that read. What is written down here holds from the next boot on; a board that is up
 * is told at once, and takes its disks or lets them go (a job, see work-job and plane/attachments).
 */
export const createAttachments = (deps: AttachmentsDeps) => ({
  attach: (who: Principal, ref: string, wanted: DiskAttach, also?: Also<Disk>): Promise<Result<Disk>> =>
    change(deps, who, ref, also, (tx, disk) => attach(deps, tx, who, disk, wanted)),
  detach: (who: Principal, ref: string, wanted: DiskDetach, also?: Also<Disk>): Promise<Result<Disk>> =>
    change(deps, who, ref, also, (tx, disk) => detach(deps, tx, who, disk, wanted)),
});

export type Attachments = ReturnType<typeof createAttachments>;

/** The kernel of a board makes sixteen such devices at once; one is the root's. */
const mostOfDevice = 15;

async function change(
  deps: AttachmentsDeps,
  who: Principal,
  ref: string,
  also: Also<Disk> | undefined,
  work: (tx: Transaction, disk: DiskRecord) => Promise<Result<DiskRecord>>,
): Promise<Result<Disk>> {
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  return deps.store.transaction(async (tx) => {
    const found = await findDisk(tx, who, deps.defaultTenant, ref);
    if (!found.ok) return found;
    if (found.value.role === 'root') return isRoot(found.value);
    const result = await work(tx, found.value);
    if (!result.ok) return result;
    const shown = presentDisk(result.value);
    await also?.(tx, shown);
    return success(shown);
  });
}

const isRoot = ({ name, device }: DiskRecord) =>
  refusal('disk.in-use', `${name} is the system disk of a device, and stays with it.`, {
    remedy: 'Take a snapshot of it, and attach a disk made of that.',
    conflicts: device === null ? [] : [device],
  });

async function attach(
  deps: AttachmentsDeps,
  tx: Transaction,
  who: Principal,
  disk: DiskRecord,
  { device: ref, access }: DiskAttach,
): Promise<Result<DiskRecord>> {
  const found = await findDevice(tx, who, ref);
  if (!found.ok) return found;
  const device = found.value;
  const had = disk.attachments.find((each) => each.device === device.id);
  if (had?.access === access && had.state === 'attached') return success(disk);
  const refused =
    refuseUnready(disk) ??
    (await refuseDevice(tx, disk, device)) ??
    refuseSharing(disk, access) ??
    (await refuseMany(tx, device));
  if (refused !== undefined) return refused;
  const since = new Date(deps.clock.now()).toISOString();
  const attachment: DiskAttachment = { device: device.id, access, state: 'attached', since };
  await tx.disks.attach(disk.id, attachment);
  const attached = { ...disk, attachments: [...disk.attachments, attachment] };
  const work: DiskWork = { kind: 'attach', disk: disk.id, device: device.id };
  // Whoever attaches it keeps it.
  return success(await beginWork(deps, tx, attached, work, { deleteAt: null }));
}

/** Why this board cannot have this disk at all. */
async function refuseDevice(tx: Transaction, disk: DiskRecord, device: DeviceRecord): Promise<Refusal | undefined> {
  if (device.tenant !== disk.tenant)
    return refusal('disk.invalid', `${disk.name} and ${device.name} belong to different tenants.`, {
      remedy: 'Choose a device of the tenant that has the disk.',
      errors: [{ field: 'device', message: 'belongs to another tenant' }],
    });
  if (device.assignment === null)
    return refusal('device.state', `${device.name} runs nothing that could use a disk.`, {
      remedy: `Give it an image first: drover provision IMAGE --device ${device.name}`,
    });
  // It is the board's own system that mounts a directory.
  if (disk.kind === 'directory') return undefined;
  const { facts } = (await tx.images.get(device.assignment.image)) ?? {};
  if (facts == null || facts.rootModes.some((mode) => mode === 'nbd' || mode === 'stream')) return undefined;
  return refusal('image.unfit', `The kernels of ${device.assignment.imageName} cannot attach disks.`, {
    remedy: 'Use an image whose kernels have the module nbd.',
  });
}

/** One writer or many readers. */
function refuseSharing({ name, attachments }: DiskRecord, access: DiskAttachment['access']): Refusal | undefined {
  if (attachments.length === 0 || (access === 'read-only' && attachments.every((each) => each.access === 'read-only')))
    return undefined;
  const [first] = attachments;
  const how = first?.access === 'read-write' ? 'can write to it' : 'only reads it';
  return refusal('disk.in-use', `${name} is attached to another device, which ${how}.`, {
    remedy: `Detach it first: drover disk detach ${name}. A disk has one device that writes, or any number that read.`,
    conflicts: attachments.map(({ device }) => device),
  });
}

async function refuseMany(tx: Transaction, { id, name }: DeviceRecord): Promise<Refusal | undefined> {
  const has = (await tx.disks.attachedTo(id)).filter(({ kind }) => kind === 'block');
  if (has.length < mostOfDevice) return undefined;
  return refusal('disk.in-use', `${name} has ${has.length} disks already, the most it can have.`, {
    remedy: 'Detach one of them first.',
    conflicts: has.map((each) => each.id),
  });
}

async function detach(
  deps: AttachmentsDeps,
  tx: Transaction,
  who: Principal,
  disk: DiskRecord,
  { device: ref, force }: DiskDetach,
): Promise<Result<DiskRecord>> {
  const found = await attachmentOf(tx, who, disk, ref);
  if (!found.ok) return found;
  const refused = refuseBusy(disk);
  if (refused !== undefined) return refused;
  const leaving: DiskAttachment = { ...found.value, state: 'detaching' };
  await tx.disks.attach(disk.id, leaving);
  const attachments = disk.attachments.map((each) => (each.device === leaving.device ? leaving : each));
  const work: DiskWork = { kind: 'detach', disk: disk.id, device: leaving.device, force };
  return success(await beginWork(deps, tx, { ...disk, attachments }, work));
}

async function attachmentOf(
  tx: Transaction,
  who: Principal,
  disk: DiskRecord,
  ref: string | undefined,
): Promise<Result<DiskAttachment>> {
  const { name, attachments } = disk;
  if (ref !== undefined) {
    const device = await findDevice(tx, who, ref);
    if (!device.ok) return device;
    const named = attachments.find((each) => each.device === device.value.id);
    return named === undefined ? notAttached(name, ` to ${device.value.name}`) : success(named);
  }
  const [only, another] = attachments;
  if (only === undefined) return notAttached(name, '');
  if (another === undefined) return success(only);
  return refusal('disk.invalid', `${name} is attached to ${attachments.length} devices.`, {
    remedy: 'Say which of them is to let go.',
    errors: [{ field: 'device', message: 'is needed' }],
    conflicts: attachments.map(({ device }) => device),
  });
}

const notAttached = (name: string, to: string) =>
  refusal('disk.not-attached', `${name} is not attached${to}.`, { remedy: `See \`drover disk show ${name}\`.` });

/** A device that is released has its data disks taken away, whatever it does with them. They stay. In the caller's transaction. */
export async function detachAll(deps: BeginWorkDeps, tx: Transaction, device: string): Promise<void> {
  for (const disk of await tx.disks.attachedTo(device)) {
    await tx.disks.detach(disk.id, device);
    const work: DiskWork = { kind: 'detach', disk: disk.id, device, force: true };
    await deps.enqueue(tx, { kind: 'disk.detach', tenant: disk.tenant, subject: disk.id, input: { work } });
    const at = new Date(deps.clock.now()).toISOString();
    const data = { name: disk.name, device, because: 'released' };
    await tx.events.append({ type: 'disk.detached', at, tenant: disk.tenant, subject: disk.id, data });
  }
}
