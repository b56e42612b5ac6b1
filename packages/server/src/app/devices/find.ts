import { refusal, success, type Principal, type Result } from '@drover/contract';
import { allows, tenantFilter } from '../../domain/tenancy.js';
import type { Transaction } from '../store/ports.js';
import type { DeviceRecord } from './ports.js';

/** Boards that were seen and belong to nobody yet are for those who may adopt them. */
export const seesDiscovered = (who: Principal): boolean => who.tenant === null || allows(who.role, 'operator');

/** The one device that `ref` (id, name, serial, MAC or boot prefix) means to this key. Refuses with device.not-found or device.ambiguous. */
export const findDevice = async (tx: Transaction, who: Principal, ref: string): Promise<Result<DeviceRecord>> => {
  const found = (await tx.devices.resolve(ref, tenantFilter(who))).filter(
    (device) => device.tenant !== null || seesDiscovered(who),
  );
  const [first, second] = found;
  if (first === undefined) {
    return refusal('device.not-found', `There is no device ${ref}`, {
      remedy: 'See `drover device list`; a device is named by its id, name, serial, MAC or boot prefix.',
    });
  }
  if (second === undefined) return success(first);
  const both = [first, second].map(({ name, id }) => `${name} (${id})`);
  return refusal('device.ambiguous', `${ref} could be ${both.join(' or ')}`, {
    remedy: 'Name it by its id.',
    conflicts: [first.id, second.id],
  });
};
