import { changeDevice } from './change.js';
import type { DeviceRecord, Powering } from './ports.js';
import type { Transaction } from '../store/ports.js';

export interface ReadyDeps {
  readonly clock: { now(): number };
  readonly powering: Powering;
}

/** Everything that a device needs to boot is there: it is in use, and what can switch it makes it boot. In the caller's transaction. */
export async function markInUse(
  { clock, powering }: ReadyDeps,
  tx: Transaction,
  device: DeviceRecord,
): Promise<DeviceRecord> {
  const at = new Date(clock.now()).toISOString();
  const { imageName, generation } = device.assignment ?? {};
  const event = { type: 'device.ready', at, data: { imageName, generation } } as const;
  const ready = await changeDevice(tx, device, { state: 'in-use', stateReason: null }, event);
  await powering.ready(tx, ready);
  return ready;
}
