import {
  refusal,
  success,
  type BackupCreate,
  type DiskBackup,
  type Page,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { reaches, refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import type { BlobStore } from '../blobs/ports.js';
import type { EnqueueJob } from '../jobs/handler.js';
import type { Clock, Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import { saveDisk } from './begin-work.js';
import { findDisk, refuseDirectory, refuseUnready } from './find.js';
import type { BackupWork } from './orders.js';
import { refuseBackup } from './quota.js';

export interface BackupsDeps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'stream' | 'stat'>;
  readonly enqueue: EnqueueJob;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly defaultTenant: string;
}

/** A file to be sent. */
export interface BackupContent {
  readonly sha256: string;
  /** Bytes. */
  readonly size: number;
  /** A suggestion. */
  readonly filename: string;
  /** `start` and `end` are the first and the last byte. */
  stream(range?: { start: number; end: number }): AsyncIterable<Uint8Array>;
}

export interface BackupQuery {
  readonly limit: number;
  readonly cursor?: string;
  readonly disk?: string;
}

/** What people and programs do with backups of disks. They are made by a job: see backup-job. */
export const createBackups = (deps: BackupsDeps) => ({
  list: (who: Principal, query: BackupQuery): Promise<Page<DiskBackup>> => list(deps, who, query),
  get: (who: Principal, id: string): Promise<Result<DiskBackup>> => deps.store.read((tx) => findBackup(tx, who, id)),
  create: (who: Principal, disk: string, wanted: BackupCreate, also?: Also<DiskBackup>) =>
    create(deps, who, disk, wanted, also),
  content: (who: Principal, id: string): Promise<Result<BackupContent>> => content(deps, who, id),
  remove: (who: Principal, id: string): Promise<Result<null>> => remove(deps, who, id),
});

export type Backups = ReturnType<typeof createBackups>;

/** Refuses with backup.not-found. */
export async function findBackup(tx: Transaction, who: Principal, id: string): Promise<Result<DiskBackup>> {
  const backup = await tx.backups.get(id);
  if (backup !== undefined && reaches(who, backup.tenant)) return success(backup);
  return refusal('backup.not-found', `There is no backup ${id}.`, { remedy: 'See `drover disk backups`.' });
}

/** As findBackup; its file must be there. */
export async function findReadyBackup(tx: Transaction, who: Principal, id: string): Promise<Result<ReadyBackup>> {
  const found = await findBackup(tx, who, id);
  if (!found.ok) return found;
  const { sha256, bytes, job } = found.value;
  if (sha256 !== null && bytes !== null) return success({ ...found.value, sha256, bytes });
  return refusal('backup.not-ready', `The backup ${id} is still being made.`, {
    remedy: `Wait for it: drover job watch ${job ?? ''}`,
  });
}

export interface ReadyBackup extends DiskBackup {
  readonly sha256: string;
  readonly bytes: number;
}

async function list({ store }: BackupsDeps, who: Principal, query: BackupQuery): Promise<Page<DiskBackup>> {
  const { limit, cursor, disk } = query;
  const tenant = tenantFilter(who);
  const filter = { ...(tenant === undefined ? {} : { tenant }), ...(disk === undefined ? {} : { disk }) };
  return store.read((tx) => tx.backups.list(filter, { limit, ...(cursor === undefined ? {} : { cursor }) }));
}

async function create(
  deps: BackupsDeps,
  who: Principal,
  ref: string,
  { format }: BackupCreate,
  also: Also<DiskBackup> | undefined,
): Promise<Result<DiskBackup>> {
  const { store, enqueue, clock, ids, defaultTenant } = deps;
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  return store.transaction(async (tx) => {
    const found = await findDisk(tx, who, defaultTenant, ref);
    if (!found.ok) return found;
    const disk = found.value;
    const busy = refuseUnready(disk) ?? refuseDirectory(disk, 'is not backed up');
    if (busy !== undefined) return busy;
    const file = { bytes: format === 'raw' ? disk.size : undefined, counted: 0 };
    const tooMuch = await refuseBackup(tx, disk.tenant, file);
    if (tooMuch !== undefined) return tooMuch;
    const id = ids.next('bak');
    const at = new Date(clock.now()).toISOString();
    const work: BackupWork = { kind: 'backup', disk: disk.id, backup: id, format };
    const job = await enqueue(tx, { kind: 'disk.backup', tenant: disk.tenant, subject: id, input: { work } });
    await saveDisk(tx, disk, { job, updatedAt: at });
    const backup: DiskBackup = {
      ...{ id, tenant: disk.tenant, disk: disk.id, diskName: disk.name, format, size: disk.size },
      ...{ bytes: null, sha256: null, state: 'creating', job, createdAt: at },
    };
    await tx.backups.insert(backup);
    await also?.(tx, backup);
    return success(backup);
  });
}

async function content({ store, blobs }: BackupsDeps, who: Principal, id: string): Promise<Result<BackupContent>> {
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  const found = await store.read((tx) => findReadyBackup(tx, who, id));
  if (!found.ok) return found;
  const { sha256, bytes: size, diskName, format, createdAt } = found.value;
  if ((await blobs.stat(sha256)) === undefined)
    return refusal('blob.not-found', `The file of the backup ${id} is gone from the storage.`, {
      remedy: 'Make another backup, and restore the folder `blobs` of the server from its own backup.',
    });
  const moment = createdAt.replace(/[-:]|\..*$/g, '');
  return success({
    ...{ sha256, size, filename: `${diskName}-${moment}.${format === 'raw' ? 'img' : 'qcow2'}` },
    stream: (range) => blobs.stream(sha256, range),
  });
}

/** A restore may begin to copy again at any moment until it has ended. */
function refuseRestoring(id: string, disks: readonly { name: string; job: string | null }[]): Refusal | undefined {
  const [first] = disks;
  if (first === undefined) return undefined;
  const made = disks.map(({ name, job }) => `${name} (${job ?? 'no job'})`).join(', ');
  return refusal('backup.in-use', `The backup ${id} is being made into disks: ${made}.`, {
    remedy: `Wait for it: drover job watch ${first.job ?? ''}; or cancel it: drover job cancel ${first.job ?? ''}`,
    conflicts: disks.map(({ name }) => name),
  });
}

/** Refused while a disk is made of it. The file goes with the next collection of blobs, unless another backup has the same. */
async function remove({ store, clock }: BackupsDeps, who: Principal, id: string): Promise<Result<null>> {
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  return store.transaction(async (tx) => {
    const found = await findReadyBackup(tx, who, id);
    if (!found.ok) return found;
    const { tenant, disk, diskName } = found.value;
    const needed = refuseRestoring(id, await tx.disks.restoring(id));
    if (needed !== undefined) return needed;
    await tx.backups.delete(id);
    const at = new Date(clock.now()).toISOString();
    const data = { backup: id, name: diskName };
    await tx.events.append({ type: 'disk.backup-deleted', at, tenant, subject: disk, data });
    return success(null);
  });
}
