import { refusal, RefusedError, success, type Refusal, type Result } from '@drover/contract';
import type { BlobInfo, BlobStore } from '../blobs/ports.js';
import type { ImageUnpacker } from '../images/ports.js';
import type { JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { beginWork, saveDisk, type BeginWorkDeps } from './begin-work.js';
import type { BackupWork, DiskOrderResult } from './orders.js';
import type { OrderDesk } from './order-desk.js';
import { placeOrder } from './place-order.js';
import { refuseBackup } from './quota.js';

export interface BackupJobDeps extends BeginWorkDeps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'adopt'>;
  readonly desk: OrderDesk;
  readonly digest: ImageUnpacker['digest'];
  /** Where the boot plane has put the file. */
  readonly backupPath: (backup: string) => string;
  readonly clock: Clock;
}

type Backup = Extract<BackupWork, { kind: 'backup' }>;

const workOf = ({ input }: JobContext): Backup => input['work'] as Backup;

/**
 * Has a disk copied into a file by the boot plane, and makes a blob of that. All of it may be repeated: a copy that is there is not made again until it is a
 * blob. Of a backup that is cancelled or refused nothing is left.
 */
export const createBackupJob = (deps: BackupJobDeps): JobHandler => ({
  kind: 'disk.backup',
  run: (context) => run(deps, context),
  undo: async (context) => {
    const done = await deps.store.read((tx) => tx.backups.get(workOf(context).backup));
    if (done?.state !== 'ready') await drop(deps, { ...context, signal: new AbortController().signal });
  },
  unwind: async (tx, context) => {
    const { disk, backup } = workOf(context);
    const known = await tx.backups.get(backup);
    if (known?.state === 'ready') return resultOf(known.sha256, known.bytes, backup);
    if (known === undefined) return undefined;
    await tx.backups.delete(backup);
    await letGo(deps, tx, disk, {});
    return undefined;
  },
});

const resultOf = (sha256: string | null, bytes: number | null, backup: string): Record<string, unknown> => ({
  backup,
  sha256,
  bytes,
});

async function run(deps: BackupJobDeps, context: JobContext): Promise<Result<Record<string, unknown>>> {
  const { backup } = workOf(context);
  const known = await deps.store.read((tx) => tx.backups.get(backup));
  if (known === undefined) return gone(backup);
  if (known.state === 'ready') return success(resultOf(known.sha256, known.bytes, known.id));
  const made = await make(deps, context).catch(refusalOf);
  // What it was refused for stands, whether or not all of it can be taken away.
  if (!made.ok) await drop(deps, context).catch(refusalOf);
  return made;
}

const gone = (backup: string): Refusal =>
  refusal('backup.not-found', `There is no backup ${backup} any more.`, {
    remedy: 'Make another: drover disk backup NAME',
  });

const refusalOf = (error: unknown): Refusal => {
  if (error instanceof RefusedError) return error.refusal;
  throw error;
};

/** Has what was copied so far thrown away. */
async function drop({ desk }: BackupJobDeps, context: JobContext): Promise<void> {
  const { disk, backup } = workOf(context);
  await placeOrder(desk, context, `${context.id}-undo`, { kind: 'drop-backup', disk, backup });
}

async function make(deps: BackupJobDeps, context: JobContext): Promise<Result<Record<string, unknown>>> {
  const { store, blobs, desk, digest, backupPath } = deps;
  const work = workOf(context);
  const made = await placeOrder(desk, context, context.id, work);
  const path = backupPath(work.backup);
  const progress = (done: number, total: number): void =>
    context.progress({ step: 'hash', done, total, unit: 'bytes' });
  const found = await digest(path, { signal: context.signal, progress });
  const tooMuch = await store.transaction((tx) => count(tx, work.backup, found.size));
  if (tooMuch !== undefined) return tooMuch;
  const blob = await blobs.adopt(path, found.digest);
  await store.transaction((tx) => finish(deps, tx, work, blob, made));
  return success(resultOf(blob.digest, blob.size, work.backup));
}

/** Counts the file, or says why it is too much. Done before it is a blob; of two that are made at once the second sees the first. */
async function count(tx: Transaction, backup: string, bytes: number): Promise<Refusal | undefined> {
  const known = await tx.backups.get(backup);
  if (known === undefined) return undefined;
  const tooMuch = await refuseBackup(tx, known.tenant, { bytes, counted: known.bytes ?? 0 });
  if (tooMuch === undefined) await tx.backups.update(backup, { bytes });
  return tooMuch;
}

async function finish(
  deps: BackupJobDeps,
  tx: Transaction,
  { backup, disk }: Backup,
  blob: BlobInfo,
  { content, facts }: DiskOrderResult,
): Promise<void> {
  const at = new Date(deps.clock.now()).toISOString();
  const known = await tx.backups.get(backup);
  if (known === undefined || known.state === 'ready') return;
  await tx.blobs.record(blob, at);
  const size = content?.size ?? known.size;
  await tx.backups.update(backup, { state: 'ready', job: null, bytes: blob.size, sha256: blob.digest, size });
  await tx.events.append({
    type: 'disk.backup-made',
    at,
    tenant: known.tenant,
    subject: disk,
    data: { name: known.diskName, backup, bytes: blob.size },
  });
  await letGo(deps, tx, disk, { ownBytes: facts?.ownBytes ?? null });
}

/** The disk may be worked on again; a root disk whose assignment ended meanwhile goes. */
async function letGo(
  deps: BackupJobDeps,
  tx: Transaction,
  id: string,
  change: { ownBytes?: number | null },
): Promise<void> {
  const disk = await tx.disks.get(id);
  if (disk === undefined) return;
  if (disk.state === 'deleting') await beginWork(deps, tx, disk, { kind: 'remove', disk: id });
  else await saveDisk(tx, disk, { ...change, job: null, updatedAt: new Date(deps.clock.now()).toISOString() });
}
