import {
  refusal,
  success,
  type Job,
  type PowerAction,
  type PowerDriverInfo,
  type Principal,
  type Refusal,
  type Result,
} from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import { findDevice } from '../devices/find.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { EnqueueJob } from '../jobs/handler.js';
import { presentJob } from '../jobs/present.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import type { PowerDesk } from './desk.js';

export interface PowerDeps {
  readonly store: Store;
  readonly enqueue: EnqueueJob;
  readonly desk: Pick<PowerDesk, 'drivers'>;
}

export interface Power {
  /** Begins to switch a device, as a job. The same action that is under way already is answered with its job. */
  readonly act: (who: Principal, ref: string, action: PowerAction, also?: Also<Job>) => Promise<Result<Job>>;
  readonly drivers: (who: Principal) => Result<{ items: PowerDriverInfo[] }>;
}

export const createPower = ({ store, enqueue, desk }: PowerDeps): Power => ({
  act: async (who, ref, action, also) =>
    refuseBelow(who, 'operator') ??
    store.transaction(async (tx) => {
      const found = await findDevice(tx, who, ref);
      if (!found.ok) return found;
      const refused = refuseAction(desk, found.value, action);
      if (refused !== undefined) return refused;
      const begun = await beginPower({ enqueue }, tx, found.value, action);
      if (!begun.ok) return begun;
      const job = await tx.jobs.get(begun.value);
      if (job === undefined) throw new Error(`the job ${begun.value} is not there`);
      const shown = presentJob(job);
      await also?.(tx, shown);
      return success(shown);
    }),
  drivers: (who) =>
    refuseBelow(who, 'reader') ??
    success({
      items: [...desk.drivers.values()].map(({ driver: { name, kind, needs, canQuery } }) => ({
        ...{ name, kind, needs: [...needs], canQuery },
      })),
    }),
});

/** Queues the work for a device that has a driver, in the caller's transaction; gives the id of the job. */
export async function beginPower(
  { enqueue }: Pick<PowerDeps, 'enqueue'>,
  tx: Transaction,
  { id, name, tenant }: DeviceRecord,
  action: PowerAction,
): Promise<Result<string>> {
  const running = await tx.jobs.unfinished('device.power', id);
  if (running?.input['action'] === action) return success(running.id);
  if (running !== undefined) return isBusy(name, running.id);
  return success(await enqueue(tx, { kind: 'device.power', tenant, subject: id, input: { device: id, action } }));
}

const isBusy = (name: string, job: string): Refusal =>
  refusal('job.unfinished', `${name} is being switched already (${job}).`, {
    remedy: `Wait for it: drover job watch ${job}`,
    conflicts: [job],
  });

function refuseAction(
  { drivers }: Pick<PowerDesk, 'drivers'>,
  { name, power }: DeviceRecord,
  action: PowerAction,
): Refusal | undefined {
  if (power === null)
    return refusal('power.unsupported', `Nothing is known that could switch ${name}.`, {
      remedy: `Say what does: drover power set ${name} --driver NAME. See \`drover power drivers\`.`,
    });
  const driver = drivers.get(power.driver)?.driver;
  if (driver === undefined)
    return refusal(
      'power.unsupported',
      `The power driver ${power.driver} of ${name} is not in the settings any more.`,
      {
        remedy: 'Add it to power.drivers, or give the device another one.',
      },
    );
  if (action === 'query' && !driver.canQuery)
    return refusal('power.unsupported', `The power driver ${power.driver} cannot tell whether ${name} has power.`, {
      remedy: `What is known without it: drover device show ${name}`,
    });
  return undefined;
}
