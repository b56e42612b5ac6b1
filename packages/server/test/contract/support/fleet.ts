import type { Model, Principal, Role } from '@drover/contract';
import type { DeviceRecord } from '../../../src/app/devices/ports.js';
import type { ImageRecord } from '../../../src/app/images/ports.js';
import type { Store } from '../../../src/app/store/ports.js';
import { aDevice, anImage, aTenant } from './records.js';
import { testIds } from './world.js';

export const who = (tenant: string | null, role: Role = 'admin'): Principal => ({
  key: testIds.next('key'),
  name: 'a test key',
  tenant,
  role,
});

/** A tenant in the store; its id. */
export const makeTenant = async (store: Store, name: string): Promise<string> => {
  const tenant = aTenant(name);
  await store.transaction((tx) => tx.tenants.insert(tenant));
  return tenant.id;
};

/** A ready image in the store, shared unless told otherwise. */
export const makeImage = async (store: Store, change: Partial<ImageRecord> = {}): Promise<ImageRecord> => {
  const image = anImage({ name: 'debian', version: '12', ...change });
  await store.transaction((tx) => tx.images.insert(image));
  return image;
};

/** Available devices of a tenant: `pi-0`, `pi-1` ... */
export const makeFleet = async (
  store: Store,
  tenant: string,
  size: number,
  change: (index: number) => Partial<DeviceRecord> = () => ({}),
): Promise<DeviceRecord[]> => {
  const devices = Array.from({ length: size }, (_, index) =>
    aDevice({ tenant, name: `pi-${index}`, state: 'available', model: 'pi4' as Model, ...change(index) }),
  );
  await store.transaction(async (tx) => {
    for (const device of devices) await tx.devices.insert(device);
  });
  return devices;
};
