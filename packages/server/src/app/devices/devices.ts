import {
  parseSelector,
  refusal,
  success,
  type Device,
  type DevicePatch,
  type DeviceState,
  type HealthStatus,
  type Model,
  type Page,
  type PowerSupply,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { allowAction } from '../../domain/device.js';
import { refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import { findImage } from '../images/refs.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { announce, changeDevice } from './change.js';
import { findDevice, seesDiscovered } from './find.js';
import { nameIsTaken } from './names.js';
import type { DeviceRecord, PowerRecord } from './ports.js';
import { presentDevice, refuseChanged } from './present.js';

export interface DeviceListQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly state?: DeviceState | undefined;
  readonly model?: Model | undefined;
  readonly site?: string | undefined;
  /** Devices assigned this image: id or `name:version`. */
  readonly image?: string | undefined;
  /** As it is now. */
  readonly health?: HealthStatus | undefined;
  readonly selector?: string | undefined;
}

export interface Devices {
  readonly get: (who: Principal, ref: string) => Promise<Result<Device>>;
  /** Newest first: those of the tenant, and for operators the discovered ones. */
  readonly list: (who: Principal, query: DeviceListQuery) => Promise<Result<Page<Device>>>;
  /** `etag` is If-Match. Labels are replaced as a whole. */
  readonly update: (who: Principal, ref: string, patch: DevicePatch, etag?: string) => Promise<Result<Device>>;
  /** Forgets a device that is not in use, with its identities and secrets. Seen again, it is discovered anew. */
  readonly remove: (who: Principal, ref: string, etag?: string) => Promise<Result<null>>;
}

export interface DevicesDeps {
  readonly store: Store;
  readonly clock: Clock;
  /** app/power: why a device cannot be switched like that. */
  readonly refuseSupply: (tx: Transaction, device: DeviceRecord, supply: PowerSupply) => Promise<Refusal | undefined>;
}

export const createDevices = ({ store, clock, refuseSupply }: DevicesDeps): Devices => {
  const now = (): string => new Date(clock.now()).toISOString();
  return {
    get: async (who, ref) => {
      const refused = refuseBelow(who, 'reader');
      if (refused !== undefined) return refused;
      return store.read(async (tx) => {
        const found = await findDevice(tx, who, ref);
        return found.ok ? success(presentDevice(found.value, now())) : found;
      });
    },
    list: async (who, query) => {
      const refused = refuseBelow(who, 'reader');
      if (refused !== undefined) return refused;
      const labels = query.selector === undefined ? undefined : parseSelector(query.selector);
      if (query.selector !== undefined && labels === undefined) return badSelector(query.selector);
      return store.read((tx) => list(tx, who, query, labels, now()));
    },
    update: async (who, ref, patch, etag) => {
      const refused = refuseBelow(who, 'operator');
      if (refused !== undefined) return refused;
      return store.transaction(async (tx) => {
        const found = await findDevice(tx, who, ref);
        if (!found.ok) return found;
        const device = found.value;
        const changed = refuseChanged(device, etag);
        if (changed !== undefined) return changed;
        const allowed = allowAction('update', device);
        if (!allowed.ok) return allowed;
        const { name, labels, power, console } = patch;
        const unfit =
          (power === undefined ? undefined : await refusePower(refuseSupply, tx, who, device, power)) ??
          // A console leads from the server to wherever it is said to be.
          (console === undefined ? undefined : refuseBelow(who, 'admin'));
        if (unfit !== undefined) return unfit;
        if (name !== undefined && name !== device.name && (await tx.devices.nameTaken(device.tenant, name))) {
          return nameIsTaken(name);
        }
        const said = { ...(name === undefined ? {} : { name }), ...(labels === undefined ? {} : { labels }) };
        const line = console === undefined ? {} : { console };
        const change = { ...said, ...line, ...(power === undefined ? {} : { power: power && unknownPower(power) }) };
        const data = { ...said, ...line, ...(power === undefined ? {} : { power }), by: who.key };
        const at = now();
        return success(presentDevice(await changeDevice(tx, device, change, { type: 'device.updated', at, data }), at));
      });
    },
    remove: async (who, ref, etag) => {
      const refused = refuseBelow(who, 'operator');
      if (refused !== undefined) return refused;
      return store.transaction(async (tx) => {
        const found = await findDevice(tx, who, ref);
        if (!found.ok) return found;
        const changed = refuseChanged(found.value, etag);
        if (changed !== undefined) return changed;
        const allowed = allowAction('delete', found.value);
        if (!allowed.ok) return allowed;
        await tx.devices.delete(found.value.id);
        await announce(tx, found.value, { type: 'device.deleted', at: now(), data: { by: who.key } });
        return success(null);
      });
    },
  };
};

/** Nothing is known yet of what it is at there. */
const unknownPower = (supply: PowerSupply): PowerRecord => ({
  ...supply,
  ...{ wanted: null, state: 'unknown', stateSince: null, failure: null, actedAt: null, proofUntil: null },
});

/** Who plugs boards in says where: whoever has another one's outlet switches that off. */
const refusePower = async (
  refuseSupply: DevicesDeps['refuseSupply'],
  tx: Transaction,
  who: Principal,
  device: DeviceRecord,
  power: PowerSupply | null,
): Promise<Refusal | undefined> =>
  refuseBelow(who, 'admin') ?? (power === null ? undefined : refuseSupply(tx, device, power));

const list = async (
  tx: Transaction,
  who: Principal,
  { limit, cursor, state, model, site, image, health }: DeviceListQuery,
  labels: Record<string, string> | undefined,
  at: string,
): Promise<Result<Page<Device>>> => {
  const found = image === undefined ? undefined : await findImage(tx, who.tenant, image);
  if (found?.ok === false) return found;
  const tenant = tenantFilter(who);
  const page = await tx.devices.list(
    {
      ...(tenant === undefined ? {} : { tenant }),
      discovered: seesDiscovered(who),
      ...(state === undefined ? {} : { state }),
      ...(model === undefined ? {} : { model }),
      ...(site === undefined ? {} : { site }),
      ...(found === undefined ? {} : { image: found.value.id }),
      ...(health === undefined ? {} : { health: { status: health, at } }),
      ...(labels === undefined ? {} : { labels }),
    },
    { limit, ...(cursor === undefined ? {} : { cursor }) },
  );
  return success({ items: page.items.map((device) => presentDevice(device, at)), next: page.next });
};

/** A selector that is none. */
export const badSelector = (selector: string) =>
  refusal('request.invalid', `"${selector}" is not a selector`, {
    errors: [{ field: 'selector', message: 'is not a selector', remedy: 'Write labels like rack=a,role=sign.' }],
  });
