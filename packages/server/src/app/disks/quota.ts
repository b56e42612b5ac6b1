import { refusal, type Refusal } from '@drover/contract';
import type { Transaction } from '../store/ports.js';

/** What somebody wants besides what the tenant has. */
export interface MoreDisks {
  readonly disks: number;
  readonly bytes: number;
}

/** Why a tenant may not have so much more; undefined where it may. Holds others off until the caller's transaction ends. */
export async function refuseQuota(tx: Transaction, tenant: string, more: MoreDisks): Promise<Refusal | undefined> {
  const found = await tx.tenants.getForUpdate(tenant);
  const { disks = null, diskBytes = null } = found?.quota ?? {};
  if (found === undefined || (disks === null && diskBytes === null)) return undefined;
  const has = await tx.disks.usage(tenant);
  if (disks !== null && has.disks + more.disks > disks)
    return exceeded(`The tenant ${found.name} has ${has.disks} of ${disks} disks`);
  if (diskBytes !== null && has.bytes + more.bytes > diskBytes)
    return exceeded(
      `The tenant ${found.name} has disks of ${has.bytes} of ${diskBytes} bytes, and ${more.bytes} more are wanted`,
    );
  return undefined;
}

const exceeded = (detail: string): Refusal =>
  refusal('quota.exceeded', `${detail}.`, {
    remedy: 'Delete disks, release devices with disks of their own, or ask an admin for more (drover tenant quota).',
  });

/** The file of a backup. */
export interface BackupBytes {
  /** Undefined until it is made: then it is refused only where nothing fits any more. */
  readonly bytes: number | undefined;
  /** What it counts for already. */
  readonly counted: number;
}

/** Why a tenant may not have that backup; undefined where it may. Holds others off until the caller's transaction ends. */
export async function refuseBackup(
  tx: Transaction,
  tenant: string,
  { bytes, counted }: BackupBytes,
): Promise<Refusal | undefined> {
  const found = await tx.tenants.getForUpdate(tenant);
  const limit = found?.quota.backupBytes ?? null;
  if (found === undefined || limit === null) return undefined;
  const has = (await tx.backups.usage(tenant)) - counted;
  if (has + (bytes ?? 1) <= limit) return undefined;
  const more = bytes === undefined ? '' : `, and ${bytes} more are wanted`;
  return refusal('quota.exceeded', `The tenant ${found.name} has backups of ${has} of ${limit} bytes${more}.`, {
    remedy: 'Delete backups (drover disk delete-backup), or ask an admin for more (drover tenant quota).',
  });
}
