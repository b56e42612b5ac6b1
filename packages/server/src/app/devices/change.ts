import type { EventType } from '@drover/contract';
import type { Transaction } from '../store/ports.js';
import type { DeviceChange, DeviceRecord } from './ports.js';

/**
 * Changes a device as it was read in this transaction, and tells so. Returns it as it is then. A device that changed under our hands is a fault: the
 * transaction was to keep it still.
 */
export const changeDevice = async (
  tx: Transaction,
  device: DeviceRecord,
  change: DeviceChange,
  event: { readonly type: EventType; readonly at: string; readonly data: Record<string, unknown> },
): Promise<DeviceRecord> => {
  const next = { ...change, updatedAt: event.at };
  if (!(await tx.devices.update(device.id, device.revision, next))) {
    throw new Error(`the device ${device.id} changed within a transaction that had read it`);
  }
  const changed: DeviceRecord = { ...device, ...next, revision: device.revision + 1 };
  await announce(tx, changed, event);
  return changed;
};

/** Appends an event about a device. */
export const announce = async (
  tx: Transaction,
  device: DeviceRecord,
  event: { readonly type: EventType; readonly at: string; readonly data: Record<string, unknown> },
): Promise<void> => {
  await tx.events.append({
    type: event.type,
    at: event.at,
    tenant: device.tenant,
    subject: device.id,
    data: { name: device.name, site: device.site, state: device.state, ...event.data },
  });
};
