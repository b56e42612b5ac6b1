import { silenceMs } from '../../domain/device-health.js';
import { announce } from '../devices/change.js';
import type { Clock, Log, Service } from '../ports.js';
import type { Store } from '../store/ports.js';

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  /** Between two heartbeats. */
  readonly everySeconds: number;
  readonly intervalMs?: number;
}

export interface SilenceWatch extends Service {
  /** One round: tells of each board that fell silent since it was heard last. Returns how many. */
  watch(): Promise<number>;
}

const defaultIntervalMs = 30_000;
/** Told of in one transaction. */
const atOnce = 200;

/** A board that stopped to tell how it is makes an event, once. Not before a server that was away has given its boards the time to come back. */
export function createSilenceWatch(deps: Deps): SilenceWatch {
  const { store, clock, log } = deps;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<unknown> = Promise.resolve();

  const tellSome = (): Promise<number> =>
    store.transaction(async (tx) => {
      const at = new Date(clock.now()).toISOString();
      const boards = await tx.devices.markSilent(at, atOnce);
      for (const board of boards) {
        const was = board.beat?.health === 'ok' ? 'healthy' : 'failing';
        const data = { health: 'silent', was, checks: [], session: board.beat?.session, heardAt: board.beat?.at };
        await announce(tx, board, { type: 'device.health', at, data });
      }
      return boards.length;
    });

  const watch = async (): Promise<number> => {
    let told = 0;
    for (let some = atOnce; some === atOnce; told += some) some = await tellSome();
    return told;
  };

  return {
    watch,
    start: async () => {
      const from = clock.now() + silenceMs(deps.everySeconds);
      timer = setInterval(() => {
        if (clock.now() < from) return;
        round = round
          .then(watch)
          .catch((error: unknown) => log.error({ err: error }, 'silent boards could not be looked for'));
      }, deps.intervalMs ?? defaultIntervalMs);
      timer.unref();
    },
    stop: async () => {
      clearInterval(timer);
      await round;
    },
  };
}
