import type { EventType } from '@drover/contract';
import type { EventFeed } from '../events/ports.js';
import type { Log, Service } from '../ports.js';
import type { ProvisionRequests } from './provision-requests.js';
import type { Provisioning } from './provisioning.js';

interface Deps {
  readonly provisioning: Pick<Provisioning, 'releaseExpired'>;
  readonly requests: Pick<ProvisionRequests, 'serve'>;
  readonly events: EventFeed;
  readonly log: Log;
  readonly intervalMs?: number;
}

/** After these, somebody who waits may get a device. */
const freeing: ReadonlySet<EventType> = new Set([
  'device.released',
  'device.adopted',
  'device.registered',
  'device.updated',
  'image.ready',
]);

const defaultIntervalMs = 5000;

/** Ends leases in time, and gives what comes free to whoever waits for it. */
export function createDeviceKeeper({ provisioning, requests, events, log, intervalMs }: Deps): Service {
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<unknown> = Promise.resolve();
  let isDue = false;
  let unsubscribe = (): void => undefined;

  const work = async (): Promise<void> => {
    isDue = false;
    await provisioning.releaseExpired();
    await requests.serve();
  };
  /** What happens while a round is at work is looked at by one more. */
  const begin = (): void => {
    if (isDue) return;
    isDue = true;
    round = round
      .then(work)
      .catch((error: unknown) => log.error({ err: error }, 'leases and waiting requests could not be looked at'));
  };

  return {
    start: async () => {
      unsubscribe = events.subscribe(({ type }) => {
        if (freeing.has(type)) begin();
      });
      timer = setInterval(begin, intervalMs ?? defaultIntervalMs);
      timer.unref();
      begin();
    },
    stop: async () => {
      clearInterval(timer);
      unsubscribe();
      await round;
    },
  };
}
