import {
  refusal,
  success,
  type Disk,
  type DiskCreate,
  type DiskSnapshot,
  type DiskUpdate,
  type Page,
  type Principal,
  type Result,
  type SnapshotCreate,
} from '@drover/contract';
import { refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import { checkUpload } from '../images/upload-use.js';
import type { EnqueueJob } from '../jobs/handler.js';
import type { Clock, Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import { beginWork, saveDisk } from './begin-work.js';
import { findDisk, presentDisk, refuseBusy, refuseDirectory, refuseUnready } from './find.js';
import { groundOf, uploadGround } from './ground.js';
import type { DiskWork } from './orders.js';
import type { DiskContent } from './pool.js';
import { refuseQuota } from './quota.js';
import { newDisk, type DiskFilter, type DiskRecord } from './records.js';
import { forgetSnapshot, takeSnapshot } from './snapshots.js';

export interface DisksDeps {
  readonly store: Store;
  readonly enqueue: EnqueueJob;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly site: string;
  readonly defaultTenant: string;
  /** What a complete upload holds. Throws RefusedError disk.invalid when no disk can be made of it. */
  readonly readUpload: (upload: string) => Promise<DiskContent>;
}

/** What people and programs do with disks. The work itself is in jobs, which the boot plane carries out: see work-job. */
export const createDisks = (deps: DisksDeps) => ({
  create: (who: Principal, wanted: DiskCreate, also?: Also<Disk>) => create(deps, who, wanted, also),
  get: (who: Principal, ref: string): Promise<Result<Disk>> =>
    deps.store.read(async (tx) => {
      const found = await findDisk(tx, who, deps.defaultTenant, ref);
      return found.ok ? success(presentDisk(found.value)) : found;
    }),
  list: (who: Principal, query: ListQuery): Promise<Page<Disk>> => list(deps, who, query),
  update: (who: Principal, ref: string, wanted: DiskUpdate, etag?: string, also?: Also<Disk>) =>
    change(deps, who, ref, also, (tx, disk) => update(deps, tx, disk, wanted, etag)),
  remove: (who: Principal, ref: string, withSnapshots: boolean, etag?: string, also?: Also<Disk>) =>
    change(deps, who, ref, also, (tx, disk) => remove(deps, tx, disk, withSnapshots, etag)),
  /** `deleteAt`: RFC 3339. */
  retire: (who: Principal, ref: string, deleteAt: string) =>
    change(deps, who, ref, undefined, (tx, disk) => retire(deps, tx, disk, deleteAt)),
  removeDue: (): Promise<number> => removeDue(deps),
  flatten: (who: Principal, ref: string, also?: Also<Disk>) =>
    change(deps, who, ref, also, (tx, disk) => plainWork(deps, tx, disk, { kind: 'flatten', disk: disk.id })),
  check: (who: Principal, ref: string, also?: Also<Disk>) =>
    change(deps, who, ref, also, (tx, disk) => plainWork(deps, tx, disk, { kind: 'check', disk: disk.id })),
  snapshots: (who: Principal, ref: string): Promise<Result<DiskSnapshot[]>> =>
    deps.store.read(async (tx) => {
      const found = await findDisk(tx, who, deps.defaultTenant, ref);
      return found.ok ? success(await tx.disks.snapshots(found.value.id)) : found;
    }),
  takeSnapshot: (who: Principal, ref: string, wanted: SnapshotCreate, also?: Also<DiskSnapshot>) =>
    changing(deps, who, ref, also, (tx, disk) => takeSnapshot(deps, tx, disk, wanted)),
  forgetSnapshot: (who: Principal, ref: string, snapshot: string, also?: Also<DiskSnapshot>) =>
    changing(deps, who, ref, also, (tx, disk) => forgetSnapshot(deps, tx, disk, snapshot)),
});

export type Disks = ReturnType<typeof createDisks>;

export interface ListQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly device?: string;
  readonly role?: DiskRecord['role'];
}

const moment = ({ clock }: DisksDeps): string => new Date(clock.now()).toISOString();

async function list({ store }: DisksDeps, who: Principal, query: ListQuery): Promise<Page<Disk>> {
  const { limit, cursor, device, role } = query;
  const tenant = tenantFilter(who);
  const filter: DiskFilter = {
    ...(tenant === undefined ? {} : { tenant }),
    ...(device === undefined ? {} : { device }),
    ...(role === undefined ? {} : { role }),
  };
  const page = await store.read((tx) => tx.disks.list(filter, { limit, ...(cursor === undefined ? {} : { cursor }) }));
  return { items: page.items.map(presentDisk), next: page.next };
}

/** A change of one disk in one transaction, for operators. */
async function changing<T>(
  deps: DisksDeps,
  who: Principal,
  ref: string,
  also: Also<T> | undefined,
  work: (tx: Transaction, disk: DiskRecord) => Promise<Result<T>>,
): Promise<Result<T>> {
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  return deps.store.transaction(async (tx) => {
    const found = await findDisk(tx, who, deps.defaultTenant, ref);
    if (!found.ok) return found;
    const result = await work(tx, found.value);
    if (result.ok) await also?.(tx, result.value);
    return result;
  });
}

const change = (
  deps: DisksDeps,
  who: Principal,
  ref: string,
  also: Also<Disk> | undefined,
  work: (tx: Transaction, disk: DiskRecord) => Promise<Result<DiskRecord>>,
): Promise<Result<Disk>> =>
  changing(deps, who, ref, also, async (tx, disk) => {
    const result = await work(tx, disk);
    return result.ok ? success(presentDisk(result.value)) : result;
  });

async function create(
  deps: DisksDeps,
  who: Principal,
  wanted: DiskCreate,
  also: Also<Disk> | undefined,
): Promise<Result<Disk>> {
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  const { kind = 'block' } = wanted;
  const uploaded = wanted.upload === undefined ? undefined : await contentOf(deps, who, wanted.upload);
  if (uploaded?.ok === false) return uploaded;
  return deps.store.transaction(async (tx) => {
    const tenant = who.tenant ?? deps.defaultTenant;
    const ground =
      uploaded === undefined
        ? await groundOf(tx, who, tenant, wanted)
        : await uploadGround(tx, who, wanted.upload ?? '', uploaded.value);
    if (!ground.ok) return ground;
    const { origin, image, base, least, what } = ground.value;
    const size = wanted.size ?? least;
    if (size < least) return tooSmall(size, least, what);
    const tooMuch = await refuseQuota(tx, tenant, { disks: 1, bytes: size });
    if (tooMuch !== undefined) return tooMuch;
    const id = deps.ids.next('dsk');
    const at = moment(deps);
    const disk: DiskRecord = {
      ...newDisk(at),
      ...{ id, tenant, image, base, size, kind, site: deps.site, role: 'data', device: null },
      name: wanted.name ?? `disk-${id.slice(-8).toLowerCase()}`,
      restoredFrom: wanted.backup ?? null,
    };
    if (!(await tx.disks.insert(disk))) return nameTaken(disk.name);
    if (origin.kind === 'upload') await tx.uploads.update(origin.upload, { image: id });
    const begun = await beginWork(deps, tx, disk, { kind: 'create', plan: { kind, disk: id, size, origin } });
    await announce(deps, tx, disk, 'disk.created', { size, image, job: begun.job });
    const answer = presentDisk(begun);
    await also?.(tx, answer);
    return success(answer);
  });
}

/** What an upload holds, once it is known that this caller may use it. */
async function contentOf({ store, readUpload }: DisksDeps, who: Principal, id: string): Promise<Result<DiskContent>> {
  const checked = await store.read((tx) => checkUpload(tx, who, 'upload', id));
  return checked.ok ? success(await readUpload(id)) : checked;
}

const tooSmall = (size: number, least: number, what: string) =>
  refusal('disk.invalid', `A disk of ${size} bytes is smaller than ${what}.`, {
    remedy: `Give at least ${least} bytes, or leave the size out.`,
    errors: [{ field: 'size', message: `is less than ${least}` }],
  });

const nameTaken = (name: string) =>
  refusal('disk.exists', `There is a disk ${name} already.`, {
    remedy: 'Choose another name, or leave it out.',
    errors: [{ field: 'name', message: 'is taken' }],
  });

async function update(
  deps: DisksDeps,
  tx: Transaction,
  disk: DiskRecord,
  { name, size, deleteAt }: DiskUpdate,
  etag: string | undefined,
): Promise<Result<DiskRecord>> {
  const refused =
    refuseUnready(disk, etag) ?? (size === undefined ? undefined : refuseDirectory(disk, 'is not resized'));
  if (refused !== undefined) return refused;
  if (size !== undefined && size < disk.size)
    return refusal('disk.invalid', `${disk.name} has ${disk.size} bytes and does not become smaller.`, {
      remedy: 'Make a smaller disk, and copy what you need.',
      errors: [{ field: 'size', message: `is less than ${disk.size}` }],
    });
  const bytes = (size ?? disk.size) - disk.size;
  const tooMuch = bytes === 0 ? undefined : await refuseQuota(tx, disk.tenant, { disks: 0, bytes });
  if (tooMuch !== undefined) return tooMuch;
  const at = moment(deps);
  const renamed = { ...disk, name: name ?? disk.name, updatedAt: at, revision: disk.revision + 1 };
  if (!(await tx.disks.update(disk.id, disk.revision, { name: renamed.name, updatedAt: at })))
    return nameTaken(renamed.name);
  if (name !== undefined && name !== disk.name)
    await announce(deps, tx, renamed, 'disk.updated', { name, before: disk.name });
  const kept = deleteAt === undefined ? renamed : await keep(deps, tx, renamed);
  if (size === undefined || bytes === 0) return success(kept);
  return success(await beginWork(deps, tx, kept, { kind: 'resize', disk: disk.id, size }));
}

/** It no longer goes by itself. */
async function keep(deps: DisksDeps, tx: Transaction, disk: DiskRecord): Promise<DiskRecord> {
  if (disk.deleteAt === null) return disk;
  await announce(deps, tx, disk, 'disk.updated', { deleteAt: null, before: disk.deleteAt });
  return saveDisk(tx, disk, { deleteAt: null });
}

/** It goes at that moment, unless somebody keeps it. */
async function retire(
  deps: DisksDeps,
  tx: Transaction,
  disk: DiskRecord,
  deleteAt: string,
): Promise<Result<DiskRecord>> {
  if (disk.role === 'root') return refuseAttached(disk) ?? success(disk);
  await announce(deps, tx, disk, 'disk.updated', { deleteAt });
  return success(await saveDisk(tx, disk, { deleteAt, updatedAt: moment(deps) }));
}

/** Deleted in one transaction. */
const atOnce = 100;

/** Begins to delete those whose time is over, again where that failed before. One that is attached again is not gone. */
async function removeDue(deps: DisksDeps): Promise<number> {
  return deps.store.transaction(async (tx) => {
    const due = await tx.disks.toDelete(moment(deps), atOnce);
    for (const disk of due) {
      if (disk.attachments.length > 0 || disk.device !== null) await saveDisk(tx, disk, { deleteAt: null });
      else await beginWork(deps, tx, disk, { kind: 'remove', disk: disk.id }, { state: 'deleting' });
    }
    return due.length;
  });
}

async function remove(
  deps: DisksDeps,
  tx: Transaction,
  disk: DiskRecord,
  withSnapshots: boolean,
  etag: string | undefined,
): Promise<Result<DiskRecord>> {
  const refused = refuseBusy(disk, etag) ?? refuseAttached(disk);
  if (refused !== undefined) return refused;
  const snapshots = await tx.disks.snapshots(disk.id);
  if (snapshots.length > 0 && !withSnapshots)
    return refusal('disk.in-use', `${disk.name} has ${snapshots.length} snapshots.`, {
      remedy: 'Delete them first, or say that they go with it (--with-snapshots).',
      conflicts: snapshots.map(({ name }) => name),
    });
  return success(await beginWork(deps, tx, disk, { kind: 'remove', disk: disk.id }, { state: 'deleting' }));
}

function refuseAttached({ name, device, attachments }: DiskRecord) {
  if (device !== null)
    return refusal('disk.in-use', `${name} is the system disk of a device.`, {
      remedy: 'It goes when the device is released.',
      conflicts: [device],
    });
  if (attachments.length === 0) return undefined;
  return refusal('disk.in-use', `${name} is attached to a device.`, {
    remedy: `Detach it first: drover disk detach ${name}`,
    conflicts: attachments.map((each) => each.device),
  });
}

async function plainWork(
  deps: DisksDeps,
  tx: Transaction,
  disk: DiskRecord,
  work: DiskWork,
): Promise<Result<DiskRecord>> {
  const refused =
    refuseUnready(disk) ?? refuseDirectory(disk, work.kind === 'check' ? 'is not checked' : 'is not flattened');
  return refused ?? success(await beginWork(deps, tx, disk, work));
}

const announce = (
  deps: DisksDeps,
  tx: Transaction,
  disk: DiskRecord,
  type: 'disk.created' | 'disk.updated',
  data: Record<string, unknown>,
): Promise<void> =>
  tx.events.append({
    type,
    at: moment(deps),
    tenant: disk.tenant,
    subject: disk.id,
    data: { name: disk.name, ...data },
  });
