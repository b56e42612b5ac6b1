import { refusal, type PowerSupply, type Refusal } from '@drover/contract';
import type { DeviceRecord } from '../devices/ports.js';
import type { Transaction } from '../store/ports.js';
import { refuseUnknown } from './desk.js';
import type { ConfiguredDriver, PowerTarget } from './ports.js';

/** What of a device is told to its driver. */
export const targetOf = ({ id, name, mac, serial, bootPrefix, power }: DeviceRecord): PowerTarget => ({
  ...{ id, name, mac, serial, bootPrefix },
  values: power?.values ?? {},
});

/** Why a device cannot be switched like that; undefined where it can. Two devices on one outlet would switch each other off. */
export async function refuseSupply(
  tx: Transaction,
  drivers: ReadonlyMap<string, ConfiguredDriver>,
  device: Pick<DeviceRecord, 'id' | 'name' | 'tenant'>,
  supply: PowerSupply,
): Promise<Refusal | undefined> {
  const found = drivers.get(supply.driver);
  if (found === undefined) return refuseUnknown(supply.driver);
  const { needs } = found.driver;
  const missing = needs.filter((name) => supply.values[name] === undefined);
  if (missing.length > 0)
    return refusal('request.invalid', `The power driver ${supply.driver} needs ${missing.join(', ')}.`, {
      errors: missing.map((name) => ({
        field: `power.values.${name}`,
        message: 'is missing',
        remedy: `Say it: drover power set ${device.name} --driver ${supply.driver} --value ${name}=...`,
      })),
    });
  // A driver that needs nothing knows boards by themselves.
  if (Object.keys(supply.values).length === 0) return undefined;
  const other = await tx.devices.findByPower(supply);
  if (other === undefined || other.id === device.id) return undefined;
  const isForeign = other.tenant !== device.tenant;
  return refusal(
    'power.unsupported',
    `${isForeign ? 'A device of another tenant' : other.name} has that place at ${supply.driver} already.`,
    {
      remedy: 'Look which of them is plugged in there, and correct the other one first.',
      conflicts: isForeign ? [] : [other.id],
      errors: [{ field: 'power.values', message: 'are those of another device' }],
    },
  );
}
