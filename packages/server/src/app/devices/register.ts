import {
  refusal,
  success,
  type Device,
  type DeviceAdopt,
  type DeviceCreate,
  type FirmwareKind,
  type Identity,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { allowAction } from '../../domain/device.js';
import { prefixOfSerial } from '../../domain/device-identity.js';
import { refuseBelow } from '../../domain/tenancy.js';
import type { Clock, Ids } from '../ports.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import { announce, changeDevice } from './change.js';
import { findDevice } from './find.js';
import { freeName, nameIsTaken, plainName } from './names.js';
import type { DeviceRecord } from './ports.js';
import { presentDevice } from './present.js';

export interface RegisterDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Id of the tenant that keys of the installation act for. */
  readonly defaultTenant: string;
}

export interface Registration {
  /** Makes a device known before it was seen, or a machine that is no Pi. Refuses with device.identity-conflict, naming the other. */
  readonly create: (who: Principal, wanted: DeviceCreate, also?: Also<Device>) => Promise<Result<Device>>;
  /** Takes a discovered board into the key's tenant: it is available then. */
  readonly adopt: (who: Principal, ref: string, wanted: DeviceAdopt, also?: Also<Device>) => Promise<Result<Device>>;
}

export const createRegistration = (deps: RegisterDeps): Registration => {
  const { store, clock, ids, defaultTenant } = deps;
  const now = (): string => new Date(clock.now()).toISOString();
  return {
    create: async (who, wanted, also) => {
      const refused = refuseBelow(who, 'operator') ?? refuseNameless(wanted);
      if (refused !== undefined) return refused;
      const tenant = who.tenant ?? defaultTenant;
      return store.transaction(async (tx) => {
        const taken = await refuseTaken(tx, tenant, wanted);
        if (taken !== undefined) return taken;
        const name = wanted.name ?? (await freeName(tx, tenant, plainName(boardOf(wanted))));
        const at = now();
        const device: DeviceRecord = {
          ...newDevice({ id: ids.next('dev'), at, site: wanted.site, name }),
          ...boardOf(wanted),
          tenant,
          state: 'available',
          model: wanted.model,
          memoryMiB: wanted.memoryMiB ?? null,
          identities: identitiesOf(wanted),
          labels: wanted.labels,
        };
        await tx.devices.insert(device);
        await announce(tx, device, { type: 'device.registered', at, data: { by: who.key } });
        const shown = presentDevice(device, at);
        await also?.(tx, shown);
        return success(shown);
      });
    },
    adopt: async (who, ref, wanted, also) => {
      const refused = refuseBelow(who, 'operator');
      if (refused !== undefined) return refused;
      const tenant = who.tenant ?? defaultTenant;
      return store.transaction(async (tx) => {
        const found = await findDevice(tx, who, ref);
        if (!found.ok) return found;
        const allowed = allowAction('adopt', found.value);
        if (!allowed.ok) return allowed;
        if (wanted.name !== undefined && (await tx.devices.nameTaken(tenant, wanted.name))) {
          return nameIsTaken(wanted.name);
        }
        const at = now();
        const shown = presentDevice(await adoptInto(tx, found.value, { ...wanted, tenant, at, by: who.key }), at);
        await also?.(tx, shown);
        return success(shown);
      });
    },
  };
};

/** Takes a discovered device into a tenant, in the caller's transaction. A name that is given must be free there. */
export const adoptInto = async (
  tx: Transaction,
  device: DeviceRecord,
  wanted: DeviceAdopt & { readonly tenant: string; readonly at: string; readonly by: string | null },
): Promise<DeviceRecord> => {
  const name = wanted.name ?? (await freeName(tx, wanted.tenant, plainName(device)));
  const change = {
    tenant: wanted.tenant,
    state: 'available' as const,
    name,
    labels: wanted.labels ?? device.labels,
  };
  return changeDevice(tx, device, change, {
    type: 'device.adopted',
    at: wanted.at,
    data: { by: wanted.by, mac: device.mac, bootPrefix: device.bootPrefix, model: device.model },
  });
};

/** A device that nothing is known of yet. */
export const newDevice = (made: {
  readonly id: string;
  readonly at: string;
  readonly site: string;
  readonly name: string;
}): DeviceRecord => ({
  id: made.id,
  tenant: null,
  site: made.site,
  name: made.name,
  state: 'discovered',
  stateReason: null,
  model: 'other',
  modelName: null,
  firmware: 'unknown' satisfies FirmwareKind,
  mac: null,
  serial: null,
  bootPrefix: null,
  memoryMiB: null,
  identities: [],
  labels: {},
  assignment: null,
  lastAddress: null,
  lastSeenAt: null,
  lastSession: null,
  upGeneration: null,
  beat: null,
  power: null,
  console: null,
  createdAt: made.at,
  updatedAt: made.at,
  revision: 1,
  generation: 0,
});

/** The prefix of a serial is what the board asks for, unless its EEPROM says otherwise. */
const boardOf = ({ mac, serial, bootPrefix }: DeviceCreate) => ({
  mac: mac ?? null,
  serial: serial ?? null,
  bootPrefix: bootPrefix ?? (serial === undefined ? null : prefixOfSerial(serial)),
});

const identitiesOf = (wanted: DeviceCreate): Identity[] => {
  const { mac, serial, bootPrefix } = boardOf(wanted);
  return [
    ...(mac === null ? [] : [{ kind: 'mac' as const, value: mac }]),
    ...(serial === null ? [] : [{ kind: 'serial' as const, value: serial }]),
    ...(bootPrefix === null ? [] : [{ kind: 'boot-prefix' as const, value: bootPrefix }]),
  ];
};

const refuseNameless = (wanted: DeviceCreate): Refusal | undefined =>
  identitiesOf(wanted).length > 0
    ? undefined
    : refusal('request.invalid', 'Nothing says how the device will be recognised', {
        errors: [{ field: 'mac', message: 'is missing', remedy: 'Give a MAC, a serial or a boot prefix.' }],
      });

const fields = {
  mac: 'mac',
  serial: 'serial',
  'boot-prefix': 'bootPrefix',
  'asset-tag': 'assetTag',
  'cattlepi-id': 'card',
} as const;

const refuseTaken = async (tx: Transaction, tenant: string, wanted: DeviceCreate): Promise<Refusal | undefined> => {
  for (const { kind, value } of identitiesOf(wanted)) {
    const other = await tx.devices.findByIdentity(wanted.site, kind, value);
    if (other !== undefined) return refuseIdentity(tenant, other, { kind, value });
  }
  const { name } = wanted;
  return name !== undefined && (await tx.devices.nameTaken(tenant, name)) ? nameIsTaken(name) : undefined;
};

/** Another tenant's device is not named to this one. */
const refuseIdentity = (tenant: string, other: DeviceRecord, { kind, value }: Identity): Refusal => {
  const foreign = other.tenant !== null && other.tenant !== tenant;
  const holder = foreign ? 'a device of another tenant' : `${other.name} (${other.id})`;
  return refusal('device.identity-conflict', `${kind} ${value} belongs to ${holder}`, {
    remedy:
      other.state === 'discovered'
        ? `It was seen already; adopt it: drover device adopt ${other.name}`
        : 'Use that device, or delete it first.',
    errors: [{ field: fields[kind], message: 'belongs to another device' }],
    conflicts: foreign ? [] : [other.id],
  });
};
