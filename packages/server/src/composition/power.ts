import { createToolRunner } from '@drover/tools';
import { createReleaseHook } from '../adapters/hooks/index.js';
import { guardedLookup, isInnermost } from '../adapters/import/addresses.js';
import { createPowerDrivers } from '../adapters/power/index.js';
import type { DeviceRecord, Powering } from '../app/devices/ports.js';
import type { ReleaseJobDeps } from '../app/devices/release-job.js';
import type { DevicesDeps } from '../app/devices/devices.js';
import type { EnqueueJob, JobHandler } from '../app/jobs/handler.js';
import type { Clock, Log } from '../app/ports.js';
import { createOffUnassigned, createPowering, restorePower } from '../app/power/assigned.js';
import type { OrderDesk } from '../app/disks/order-desk.js';
import { createAskBoard } from '../app/power/ask-board.js';
import { createPowerDesk } from '../app/power/desk.js';
import { createPower, type Power } from '../app/power/power.js';
import { createPowerJob } from '../app/power/power-job.js';
import { createPowerProofs, type PowerProofs } from '../app/power/proofs.js';
import { refuseSupply } from '../app/power/supply.js';
import { switchBoard } from '../app/power/switching.js';
import type { Settings } from '../config.js';
import type { Storage } from './storage.js';

export interface PowerWork {
  readonly power: Power;
  readonly powering: Powering;
  readonly proofs: PowerProofs;
  readonly job: JobHandler;
  readonly refuseSupply: DevicesDeps['refuseSupply'];
  /** Boards that ask for something to boot and have nothing. */
  readonly onUnassigned: (device: DeviceRecord) => void;
  readonly takesWork: (device: DeviceRecord) => boolean;
  readonly switchOff: ReleaseJobDeps['switchOff'];
  readonly hook: ReleaseJobDeps['hook'];
  readonly restore: () => Promise<number>;
}

/** What switches boards, and what is asked when they are released. */
export const createPowerWork = (
  settings: Pick<Settings, 'power' | 'provisioning'>,
  { store }: Pick<Storage, 'store'>,
  deps: {
    readonly clock: Clock;
    readonly log: Log;
    readonly enqueue: EnqueueJob;
    /** Where the boot plane is told to ask a board. */
    readonly orders: OrderDesk;
  },
): PowerWork => {
  const { clock, log, enqueue, orders } = deps;
  const { drivers, proveSeconds, offUnassigned } = settings.power;
  const { releaseHook } = settings.provisioning;
  const desk = createPowerDesk(createPowerDrivers(drivers, { log, guard: { isInnermost, lookup: guardedLookup } }));
  const switching = { store, clock, desk, proveSeconds };
  const isSwitched = ({ power }: DeviceRecord): boolean => power !== null && desk.drivers.has(power.driver);
  const nothing = (): void => undefined;
  return {
    power: createPower({ store, enqueue, desk }),
    powering: createPowering({ enqueue, desk }),
    proofs: createPowerProofs({
      ...{ store, clock, log, ask: createAskBoard(orders) },
      isByHand: (driver) => desk.drivers.get(driver)?.driver.kind === 'manual',
    }),
    job: createPowerJob(switching),
    refuseSupply: (tx, device, supply) => refuseSupply(tx, desk.drivers, device, supply),
    onUnassigned: offUnassigned ? createOffUnassigned({ store, clock, log, enqueue, desk }) : nothing,
    takesWork: (device) => isSwitched(device) || releaseHook.program !== undefined,
    switchOff: async (device, signal) =>
      isSwitched(device) ? switchBoard(switching, device, 'off', signal) : { ok: true, value: null },
    hook: createReleaseHook(createToolRunner(), releaseHook),
    restore: () => restorePower({ store, enqueue, desk }),
  };
};
