import { success, type Result } from '@drover/contract';
import type { BlobInfo, BlobStore } from '../blobs/ports.js';
import type { ImageUnpacker } from '../images/ports.js';
import type { JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { beginWork, saveDisk, type BeginWorkDeps } from './begin-work.js';
import type { BackupWork, DiskOrderResult } from './orders.js';
import type { OrderDesk } from './order-desk.js';
import { placeOrder } from './place-order.js';

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
 * blob. Of a cancelled backup nothing is left.
 */
export const createBackupJob = (deps: BackupJobDeps): JobHandler => ({
  kind: 'disk.backup',
  run: (context) => run(deps, context),
  undo: async (context) => {
    const { disk, backup } = workOf(context);
    const done = await deps.store.read((tx) => tx.backups.get(backup));
    if (done?.state === 'ready') return;
    const never = { ...context, signal: new AbortController().signal };
    await placeOrder(deps.desk, never, `${context.id}-undo`, { kind: 'drop-backup', disk, backup });
  },
  unwind: async (tx, context) => {
    const { disk, backup } = workOf(context);
    const known = await tx.backups.get(backup);
    if (known?.state === 'ready') return resultOf(known.sha256, known.bytes, backup);
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
  const { store, blobs, desk, digest, backupPath } = deps;
  const work = workOf(context);
  const known = await store.read((tx) => tx.backups.get(work.backup));
  if (known?.state === 'ready') return success(resultOf(known.sha256, known.bytes, known.id));
  const made = await placeOrder(desk, context, context.id, work);
  const path = backupPath(work.backup);
  const progress = (done: number, total: number): void =>
    context.progress({ step: 'hash', done, total, unit: 'bytes' });
  const found = await digest(path, { signal: context.signal, progress });
  const blob = await blobs.adopt(path, found.digest);
  await store.transaction((tx) => finish(deps, tx, work, blob, made));
  return success(resultOf(blob.digest, blob.size, work.backup));
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
