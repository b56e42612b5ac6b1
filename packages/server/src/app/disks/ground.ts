import { refusal, success, type DiskCreate, type Principal, type Result } from '@drover/contract';
import { findImage } from '../images/refs.js';
import { checkUpload } from '../images/upload-use.js';
import type { Transaction } from '../store/ports.js';
import { findReadyBackup } from './backups.js';
import type { DiskContent, DiskOrigin } from './pool.js';

/** What a disk is made of, as the database knows it. */
export interface Ground {
  readonly origin: DiskOrigin;
  readonly image: string | null;
  readonly base: string | null;
  /** Bytes of the smallest disk that can be made of it. */
  readonly least: number;
  /** For a person. */
  readonly what: string;
}

/** An image, a snapshot, a backup or nothing. `tenant`: whose the disk will be. */
export function groundOf(
  tx: Transaction,
  who: Principal,
  tenant: string,
  { image, snapshot, backup }: DiskCreate,
): Promise<Result<Ground>> {
  if (backup !== undefined) return backupGround(tx, who, backup);
  if (image !== undefined) return imageGround(tx, who.tenant ?? tenant, image);
  if (snapshot !== undefined) return snapshotGround(tx, tenant, snapshot);
  const origin = { kind: 'empty' } as const;
  return Promise.resolve(success({ origin, image: null, base: null, least: 0, what: 'nothing' }));
}

async function backupGround(tx: Transaction, who: Principal, id: string): Promise<Result<Ground>> {
  const backup = await findReadyBackup(tx, who, id);
  if (!backup.ok) return backup;
  const { sha256: digest, format, size, diskName } = backup.value;
  const origin = { kind: 'backup', digest, format } as const;
  return success({ origin, image: null, base: null, least: size, what: `the backup of ${diskName}` });
}

async function imageGround(tx: Transaction, tenant: string, ref: string): Promise<Result<Ground>> {
  const image = await findImage(tx, tenant, ref);
  if (!image.ok) return image;
  const { digest, size, state, name, version, id } = image.value;
  if (state !== 'ready' || digest === null || size === null)
    return refusal('image.not-ready', `The image ${name}:${version} is ${state}.`, { remedy: 'Wait for its import.' });
  const what = `the image ${name}:${version}`;
  return success({ origin: { kind: 'image', digest }, image: id, base: digest, least: size, what });
}

async function snapshotGround(tx: Transaction, tenant: string, id: string): Promise<Result<Ground>> {
  const snapshot = await tx.disks.snapshot(id);
  const of = snapshot === undefined ? undefined : await tx.disks.get(snapshot.disk);
  if (snapshot === undefined || of === undefined || of.tenant !== tenant || snapshot.state !== 'ready')
    return refusal('snapshot.not-found', `There is no snapshot ${id} that is ready.`, {
      remedy: 'See `drover disk snapshots`.',
    });
  const origin = { kind: 'snapshot', disk: of.id, snapshot: id } as const;
  const what = `the snapshot ${snapshot.name}`;
  return success({ origin, image: of.image, base: of.base, least: snapshot.size, what });
}

/** An upload, whose content was read. */
export async function uploadGround(
  tx: Transaction,
  who: Principal,
  upload: string,
  { format, size }: DiskContent,
): Promise<Result<Ground>> {
  const checked = await checkUpload(tx, who, 'upload', upload);
  if (!checked.ok) return checked;
  const what = `the disk in ${checked.value.filename}`;
  return success({ origin: { kind: 'upload', upload, format }, image: null, base: null, least: size, what });
}
