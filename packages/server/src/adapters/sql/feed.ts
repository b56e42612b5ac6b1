import type { EventFeed, StoredEvent } from '../../app/events/ports.js';
import type { Log } from '../../app/ports.js';

/** Events read at once. */
const batch = 500;

export interface Feed extends EventFeed {
  /** Something was committed: read on now. `upTo` is the highest id this process committed, where it was this process. */
  readonly wake: (upTo?: number) => void;
  /** Ends reading; resolves when the last read is over. */
  stop(): Promise<void>;
}

interface FeedDeps {
  /** Committed events after an id, in order. */
  readonly after: (id: number, limit: number) => Promise<StoredEvent[]>;
  /** Id of the last event when the feed was made. */
  readonly position: number;
  /** How often to look for events of other processes, in ms. */
  readonly pollMs: number;
  readonly log: Log;
}

/**
 * Delivers committed events in the order of their ids, whoever wrote them. It always reads the log on from where it stands instead of passing on what
 * a transaction appended: that is what makes the order the same for everyone.
 */
export const createFeed = ({ after, position, pollMs, log }: FeedDeps): Feed => {
  const listeners = new Map<(event: StoredEvent) => void, number>();
  let delivered = position;
  let committed = position;
  let reading: Promise<void> | undefined;
  let again = false;
  let stopped = false;
  /** Told once, and when it is over: it may last for hours, and is tried twice a second. */
  let isFailing = false;

  const deliver = (event: StoredEvent): void => {
    delivered = event.id;
    for (const [listener, since] of listeners) {
      if (event.id <= since) continue;
      try {
        listener(event);
      } catch (error) {
        log.error({ err: error, event: event.id }, 'a listener of the event feed failed');
      }
    }
  };

  const readOn = async (): Promise<void> => {
    do {
      again = false;
      const events = await after(delivered, batch);
      events.forEach(deliver);
      if (events.length === batch) again = true;
    } while (again && !stopped);
  };

  const wake = (upTo?: number): void => {
    if (upTo !== undefined) committed = Math.max(committed, upTo);
    if (stopped) return;
    if (reading !== undefined) {
      again = true;
      return;
    }
    reading = readOn()
      .then(() => {
        if (isFailing) log.info({}, 'the event feed reads again');
        isFailing = false;
      })
      .catch((error: unknown) => {
        if (!isFailing) log.warn({ err: error }, 'the event feed could not read; it tries on');
        isFailing = true;
      })
      .finally(() => {
        reading = undefined;
        if (again) wake();
      });
  };

  const timer = setInterval(() => wake(), pollMs);
  timer.unref();

  return {
    // What this process committed before now is not news to the new listener; ids grow in the order of commits, so neither is anything below it.
    subscribe: (listener) => {
      const own = (event: StoredEvent): void => listener(event);
      listeners.set(own, Math.max(delivered, committed));
      return () => {
        listeners.delete(own);
      };
    },
    isCurrent: () => delivered >= committed,
    wake,
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      await reading;
    },
  };
};
