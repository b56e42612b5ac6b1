import { refusal, type Refusal } from '@drover/contract';
import type { Transaction } from '../store/ports.js';

/** What a board is called until somebody gives it a name: by its boot prefix, else by the second half of its MAC. */
export const plainName = (board: { readonly bootPrefix: string | null; readonly mac: string | null }): string =>
  `pi-${board.bootPrefix ?? board.mac?.replaceAll(':', '').slice(-6) ?? 'unknown'}`;

/** `name`, or the first of `name-2`, `name-3` ... that is free in that tenant. */
export const freeName = async (tx: Transaction, tenant: string | null, name: string): Promise<string> => {
  let candidate = name;
  for (let number = 2; await tx.devices.nameTaken(tenant, candidate); number += 1) candidate = `${name}-${number}`;
  return candidate;
};

export const nameIsTaken = (name: string): Refusal =>
  refusal('device.identity-conflict', `Another device is called ${name}`, {
    remedy: 'Choose another name.',
    errors: [{ field: 'name', message: 'is taken' }],
    conflicts: [name],
  });
