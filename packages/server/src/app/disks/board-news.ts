import { withTimeLimit } from '@drover/contract';
import type { EventFeed, StoredEvent } from '../events/ports.js';
import type { Log, Service } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { OrderDesk } from './order-desk.js';

interface Deps {
  readonly store: Store;
  readonly events: EventFeed;
  readonly orders: Pick<OrderDesk, 'place'>;
  readonly log: Log;
}

/** A boot plane that is away for longer asks by itself when it is back. */
const standMs = 60_000;

/** Has the boot plane ask anew what boards may have (disks, files of their own) when that changed, so that those that are up follow. */
export function createBoardNews({ store, events, orders, log }: Deps): Service {
  const stopping = new AbortController();
  const telling = new Map<string, Promise<void>>();
  /** Changed once more since the boot plane was told. */
  const again = new Set<string>();
  let unsubscribe = (): void => undefined;

  const place = async (device: string): Promise<void> => {
    const signal = withTimeLimit(stopping.signal, standMs);
    await orders.place(
      { id: `refresh_${device}`, work: { kind: 'refresh', device } },
      { signal, progress: () => undefined },
    );
  };

  const keepTelling = async (device: string): Promise<void> => {
    try {
      do {
        again.delete(device);
        await place(device);
      } while (again.has(device));
    } catch (error) {
      log.debug({ err: error, device }, 'the boot plane was not told of a change');
    } finally {
      telling.delete(device);
    }
  };

  const tell = (device: string): void => {
    if (telling.has(device)) again.add(device);
    else telling.set(device, keepTelling(device));
  };

  const devicesOf = async ({ type, subject, data }: StoredEvent): Promise<readonly string[]> => {
    switch (type) {
      case 'device.file-changed':
        return subject === null ? [] : [subject];
      case 'disk.attached':
      case 'disk.detached':
        return [String(data['device'])];
      case 'disk.updated': {
        const disk = subject === null ? undefined : await store.read((tx) => tx.disks.get(subject));
        return disk?.attachments.map(({ device }) => device) ?? [];
      }
      default:
        return [];
    }
  };

  return {
    start: async () => {
      unsubscribe = events.subscribe((event) => {
        devicesOf(event)
          .then((devices) => devices.forEach(tell))
          .catch((error: unknown) => log.error({ err: error }, 'boards could not be told of a change'));
      });
    },
    stop: async () => {
      unsubscribe();
      stopping.abort(new Error('the server stops'));
      await Promise.all(telling.values());
    },
  };
}
