import {
  refusal,
  success,
  type Disk,
  type DiskSnapshot,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { reaches } from '../../domain/tenancy.js';
import type { Transaction } from '../store/ports.js';
import type { DiskRecord } from './records.js';

/** The disk a caller means by id or name. `owner`: the tenant that names are looked for in. Refuses with disk.not-found. */
export async function findDisk(
  tx: Transaction,
  who: Principal,
  owner: string,
  ref: string,
): Promise<Result<DiskRecord>> {
  const disk = /^dsk_/.test(ref) ? await tx.disks.get(ref) : await tx.disks.find(who.tenant ?? owner, ref);
  if (disk !== undefined && reaches(who, disk.tenant)) return success(disk);
  return refusal('disk.not-found', `There is no disk ${ref}.`, { remedy: 'See `drover disk list`.' });
}

/** A snapshot by id, or by name among those of its disk. Refuses with snapshot.not-found. */
export async function findSnapshot(tx: Transaction, disk: DiskRecord, ref: string): Promise<Result<DiskSnapshot>> {
  const all = await tx.disks.snapshots(disk.id);
  const found = all.find(({ id, name }) => id === ref || name === ref);
  if (found !== undefined) return success(found);
  return refusal('snapshot.not-found', `The disk ${disk.name} has no snapshot ${ref}.`, {
    remedy: `See \`drover disk snapshots ${disk.name}\`.`,
  });
}

const etagOf = ({ revision }: DiskRecord): string => `"${revision}"`;

export const presentDisk = (record: DiskRecord): Disk => {
  const { revision: _revision, base: _base, restoredFrom: _restoredFrom, site: _site, ...disk } = record;
  return { ...disk, etag: etagOf(record) };
};

/** Why a disk cannot be worked on now; undefined when it can. */
export function refuseBusy(disk: DiskRecord, etag?: string): Refusal | undefined {
  if (etag !== undefined && etag !== '*' && etag !== etagOf(disk))
    return refusal('precondition.failed', `${disk.name} was changed meanwhile.`, { remedy: 'Read it again.' });
  if (disk.job !== null)
    return refusal('disk.in-use', `The job ${disk.job} is at work on ${disk.name}.`, {
      remedy: `Wait for it: drover job watch ${disk.job}; or cancel it: drover job cancel ${disk.job}`,
    });
  return undefined;
}

/** As refuseBusy; the disk must be whole besides. */
export function refuseUnready(disk: DiskRecord, etag?: string): Refusal | undefined {
  const busy = refuseBusy(disk, etag);
  if (busy !== undefined || disk.state === 'ready') return busy;
  return refusal('disk.in-use', `${disk.name} is ${disk.state}: ${disk.stateReason ?? 'it cannot be used'}.`, {
    remedy: 'Delete it, and make another.',
  });
}

/** What is for block devices only; `what`: what becomes of a directory instead. */
export function refuseDirectory({ kind, name }: Pick<DiskRecord, 'kind' | 'name'>, what: string): Refusal | undefined {
  if (kind === 'block') return undefined;
  return refusal('disk.invalid', `${name} is a directory, which ${what}.`, {
    remedy: 'Use a disk that is a network block device, or work on the files themselves.',
  });
}
