import { proofOf } from '../../domain/power-proof.js';
import { changeDevice } from '../devices/change.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Clock, Log, Service } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly intervalMs?: number;
}

export interface PowerProofs extends Service {
  /** One round: tells of each board whether what was done to it is proved, or was not done. Returns how many were settled. */
  readonly watch: () => Promise<number>;
}

const defaultIntervalMs = 2000;
const atOnce = 500;

/** Closes the loop of what was switched, see {@link proofOf}. */
export function createPowerProofs({ store, clock, log, intervalMs }: Deps): PowerProofs {
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<unknown> = Promise.resolve();

  const settle = async (tx: Transaction, device: DeviceRecord): Promise<boolean> => {
    const { power } = device;
    if (power?.actedAt == null || power.proofUntil === null) return false;
    const { actedAt, proofUntil, state, wanted } = power;
    const proof = proofOf({ state, actedAt, proofUntil }, device.lastSeenAt, clock.now());
    if (proof.kind === 'open') return false;
    const at = new Date(clock.now()).toISOString();
    if (proof.kind === 'failed') {
      const failed = { ...power, state: 'unproven' as const, stateSince: at, failure: proof.reason, proofUntil: null };
      await changeDevice(
        tx,
        device,
        { power: failed },
        { type: 'power.failed', at, data: { wanted, reason: proof.reason } },
      );
      return true;
    }
    const proved = state === 'off' ? ('off' as const) : ('on' as const);
    const data = { state: proved, by: proof.by };
    const change = { power: { ...power, state: proved, proofUntil: null } };
    await changeDevice(tx, device, change, { type: 'power.proved', at, data });
    return true;
  };

  const watch = async (): Promise<number> => {
    const unproved = await store.read((tx) => tx.devices.powerUnproved(atOnce));
    const due = unproved.filter(({ power, lastSeenAt }) => {
      if (power?.actedAt == null || power.proofUntil === null) return false;
      const { actedAt, proofUntil, state } = power;
      return proofOf({ state, actedAt, proofUntil }, lastSeenAt, clock.now()).kind !== 'open';
    });
    let settled = 0;
    for (const { id } of due) {
      const isSettled = await store.transaction(async (tx) => {
        const device = await tx.devices.get(id);
        return device !== undefined && settle(tx, device);
      });
      if (isSettled) settled += 1;
    }
    return settled;
  };

  return {
    watch,
    start: async () => {
      timer = setInterval(() => {
        round = round
          .then(watch)
          .catch((error: unknown) => log.error({ err: error }, 'what was switched could not be followed'));
      }, intervalMs ?? defaultIntervalMs);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      await round;
    },
  };
}
