import { isToBeAsked, proofOf, type Unproved } from '../../domain/power-proof.js';
import { changeDevice } from '../devices/change.js';
import type { DeviceRecord } from '../devices/ports.js';
import type { Clock, Log, Service } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Whether a board answers just now. Rejects where that cannot be told, and when the signal is aborted. */
  readonly ask: (device: string, signal: AbortSignal) => Promise<boolean>;
  /** Whether that driver is a person. */
  readonly isByHand: (driver: string) => boolean;
  readonly intervalMs?: number;
}

export interface PowerProofs extends Service {
  /** One round: tells of each board whether what was done to it is proved, or was not done. Returns how many were settled. */
  readonly watch: () => Promise<number>;
}

const defaultIntervalMs = 2000;
const atOnce = 500;

/**
 * Closes the loop of what was switched, see {@link proofOf}. A board that was switched off is asked once, too: its next sign of life may come after the time
 * for the proof.
 */
export function createPowerProofs({ store, clock, log, ask, isByHand, intervalMs }: Deps): PowerProofs {
  const stopping = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<unknown> = Promise.resolve();
  /** Devices that were asked, and after which switching; those that could not be are asked again. */
  const asked = new Map<string, string>();
  /** Those whose answer is waited for. */
  const asking = new Map<string, Promise<void>>();

  const unprovedOf = ({ power }: DeviceRecord): Unproved | undefined => {
    if (power?.actedAt == null || power.proofUntil === null) return undefined;
    const { state, actedAt, proofUntil, driver } = power;
    return { state, actedAt, proofUntil, byHand: isByHand(driver) };
  };

  const settle = async (tx: Transaction, device: DeviceRecord): Promise<boolean> => {
    const { power } = device;
    const unproved = unprovedOf(device);
    if (power === null || unproved === undefined) return false;
    const proof = proofOf(unproved, device.lastSeenAt, clock.now());
    if (proof.kind === 'open') return false;
    const at = new Date(clock.now()).toISOString();
    if (proof.kind === 'failed') {
      const failed = { ...power, state: 'unproven' as const, stateSince: at, failure: proof.reason, proofUntil: null };
      const data = { wanted: power.wanted, reason: proof.reason };
      await changeDevice(tx, device, { power: failed }, { type: 'power.failed', at, data });
      return true;
    }
    const proved = power.state === 'off' ? ('off' as const) : ('on' as const);
    const data = { state: proved, by: proof.by };
    const change = { power: { ...power, state: proved, proofUntil: null } };
    await changeDevice(tx, device, change, { type: 'power.proved', at, data });
    return true;
  };

  const question = async (device: string): Promise<void> => {
    try {
      if (!(await ask(device, stopping.signal))) return;
      const at = new Date(clock.now()).toISOString();
      await store.transaction((tx) => tx.devices.touch(device, { at }));
    } catch (error) {
      log.debug({ err: error, device }, 'a board that was switched off could not be asked');
      asked.delete(device);
    } finally {
      asking.delete(device);
    }
  };

  const askThose = (unproved: readonly DeviceRecord[]): void => {
    const standing = new Set(unproved.map(({ id }) => id));
    for (const id of asked.keys()) if (!standing.has(id)) asked.delete(id);
    for (const device of unproved) {
      const { id } = device;
      const known = unprovedOf(device);
      if (known === undefined || !isToBeAsked(known, clock.now()) || asked.get(id) === known.actedAt) continue;
      if (asking.has(id)) continue;
      asked.set(id, known.actedAt);
      asking.set(id, question(id));
    }
  };

  const isDue = (device: DeviceRecord): boolean => {
    const unproved = unprovedOf(device);
    if (unproved === undefined) return false;
    const { kind } = proofOf(unproved, device.lastSeenAt, clock.now());
    // One that may answer yet is not silent, and where nobody listens silence shows nothing.
    return kind === 'failed' || (kind === 'proved' && !asking.has(device.id));
  };

  const watch = async (): Promise<number> => {
    const unproved = await store.read((tx) => tx.devices.powerUnproved(atOnce));
    askThose(unproved);
    let settled = 0;
    for (const { id } of unproved.filter(isDue)) {
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
      stopping.abort(new Error('the server stops'));
      await round;
      await Promise.all(asking.values());
    },
  };
}
