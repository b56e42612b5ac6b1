import {
  refusal,
  success,
  type FirstBoot,
  type FirstBootPut,
  type FirstBootSettings,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { shownFirstBoot } from '../../domain/first-boot-shown.js';
import { allows, refuseBelow } from '../../domain/tenancy.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { announce } from './change.js';
import { findDevice } from './find.js';
import type { DeviceRecord } from './ports.js';

/** What was made of one of the three forms. */
export interface ReadFirstBoot {
  readonly settings: FirstBootSettings;
  /** What of it boards do not do. */
  readonly warnings: readonly string[];
}

/** Reads the forms: plain passwords become hashes here, before anything is kept. */
export interface FirstBootReader {
  /** Refuses with request.invalid, naming fields of the file. */
  read(put: FirstBootPut): Promise<Result<ReadFirstBoot>>;
}

export interface FirstBootRecord extends ReadFirstBoot {
  readonly updatedAt: string;
}

export interface FirstBootRepository {
  get(device: string): Promise<FirstBootRecord | undefined>;
  /** In place of what there was. */
  put(device: string, record: FirstBootRecord): Promise<void>;
  /** False when there was none. */
  delete(device: string): Promise<boolean>;
}

export interface FirstBoots {
  /** Documents are for operators: they may hold a secret. */
  readonly get: (who: Principal, ref: string) => Promise<Result<FirstBoot>>;
  /** Only of a device that somebody has: they go with its release. */
  readonly put: (who: Principal, ref: string, wanted: FirstBootPut) => Promise<Result<FirstBoot>>;
  readonly remove: (who: Principal, ref: string) => Promise<Result<null>>;
}

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly reader: FirstBootReader;
}

export const createFirstBoots = ({ store, clock, reader }: Deps): FirstBoots => ({
  get: async (who, ref) =>
    refuseBelow(who, 'reader') ??
    store.read(async (tx) => {
      const device = await findDevice(tx, who, ref);
      if (!device.ok) return device;
      const record = await tx.firstBoots.get(device.value.id);
      return record === undefined ? none(device.value) : success(shownFirstBoot(record, allows(who.role, 'operator')));
    }),
  put: async (who, ref, wanted) => {
    const refused = refuseBelow(who, 'operator');
    if (refused !== undefined) return refused;
    const read = await reader.read(wanted);
    if (!read.ok) return read;
    return store.transaction(async (tx) => {
      const device = await findDevice(tx, who, ref);
      if (!device.ok) return device;
      const free = refuseFree(device.value);
      if (free !== undefined) return free;
      const record = await keepFirstBoot(tx, clock, device.value, { read: read.value, by: who.key });
      return success(shownFirstBoot(record, true));
    });
  },
  remove: async (who, ref) =>
    refuseBelow(who, 'operator') ??
    store.transaction(async (tx) => {
      const device = await findDevice(tx, who, ref);
      if (!device.ok) return device;
      if (!(await tx.firstBoots.delete(device.value.id))) return none(device.value);
      const at = new Date(clock.now()).toISOString();
      await announce(tx, device.value, {
        type: 'device.first-boot-changed',
        at,
        data: { settings: null, by: who.key },
      });
      return success(null);
    }),
});

/** What a request for an image brings with it, if anything. */
export const readFirstBoot = async (
  reader: FirstBootReader,
  { firstBoot }: { readonly firstBoot?: FirstBootPut | undefined },
): Promise<Result<ReadFirstBoot | undefined>> =>
  firstBoot === undefined ? success(undefined) : reader.read(firstBoot);

/** Keeps what was read for a device, and tells so without the values. In the caller's transaction. */
export async function keepFirstBoot(
  tx: Transaction,
  clock: Clock,
  device: DeviceRecord,
  { read, by }: { readonly read: ReadFirstBoot; readonly by: string },
): Promise<FirstBootRecord> {
  const at = new Date(clock.now()).toISOString();
  const record: FirstBootRecord = { ...read, updatedAt: at };
  await tx.firstBoots.put(device.id, record);
  const data = { settings: Object.keys(read.settings).sort(), by };
  await announce(tx, device, { type: 'device.first-boot-changed', at, data });
  return record;
}

const none = ({ name }: DeviceRecord): Refusal =>
  refusal('first-boot.not-found', `${name} has no first-boot settings.`, {
    remedy: `Give it some: drover device first-boot set ${name} --file custom.toml`,
  });

/** What somebody leaves on a device that is free would be for whoever gets it next. */
const refuseFree = ({ name, state }: DeviceRecord): Refusal | undefined =>
  state === 'preparing' || state === 'in-use' || state === 'failed'
    ? undefined
    : refusal('device.state', `${name} is ${state}, and first-boot settings are for what is in use.`, {
        remedy: `Give them with an image: drover provision --image IMAGE --device ${name} --first-boot FILE`,
      });
