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
