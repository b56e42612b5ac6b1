import { Progress, type DomainEvent, type TimelineMessage } from '@drover/contract';
import { DroverError } from '@drover/sdk';
import { client, isLoggedOut } from '../api/client.js';
import { queryClient, setPrincipal } from '../api/queries.js';
import { createDeviceStore } from './device-store.js';
import { effectsOf } from './event-effects.js';
import { hiddenMs, whileVisible } from './while-visible.js';

export type Connection = 'connecting' | 'open' | 'lost' | 'refused';

/** The one store of boards of this page. */
export const deviceStore = createDeviceStore(
  {
    all: (signal) => Array.fromAsync(client.each('listDevices', { query: { limit: 500 } }, { signal })),
    one: async (id, signal) => {
      try {
        return await client.devices.get({ params: { ref: id } }, { signal });
      } catch (error) {
        if (error instanceof DroverError && error.code === 'device.not-found') return undefined;
        throw error;
      }
    },
  },
  {
    frame: (run) => {
      // A page that nobody sees has no frames.
      if (document.hidden) setTimeout(run, 0);
      else requestAnimationFrame(run);
    },
    later: (run, ms) => {
      setTimeout(run, ms);
    },
    now: () => Date.now(),
  },
);

const listeners = new Set<() => void>();
const eventListeners = new Set<(event: DomainEvent) => void>();
let connection: Connection = 'connecting';
const progress = new Map<string, Progress>();
let progressVersion: ReadonlyMap<string, Progress> = new Map();

const tell = (): void => {
  for (const listener of listeners) listener();
};
const setConnection = (state: Connection): void => {
  connection = state;
  tell();
};

/** How the event stream stands, and how far each running job is. */
export const live = {
  subscribe: (listener: () => void): (() => void) => {
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
    };
  },
  connection: (): Connection => connection,
  progress: (): ReadonlyMap<string, Progress> => progressVersion,
  /** Each event as it comes. */
  onEvent: (listener: (event: DomainEvent) => void): (() => void) => {
    eventListeners.add(listener);
    return () => {
      eventListeners.delete(listener);
    };
  },
};

const stale = new Set<string>();
let isStaleTimed = false;

/** A burst of events asks for each thing once. */
const invalidate = (keys: readonly string[]): void => {
  for (const key of keys) stale.add(key);
  if (isStaleTimed || stale.size === 0) return;
  isStaleTimed = true;
  setTimeout(() => {
    isStaleTimed = false;
    for (const key of stale) void queryClient.invalidateQueries({ queryKey: [key] });
    stale.clear();
  }, 250);
};

const take = (event: DomainEvent): void => {
  const { devices, queries: keys } = effectsOf(event);
  deviceStore.touch(devices);
  invalidate(keys);
  for (const listener of eventListeners) listener(event);
  if (event.type === 'job.progress') {
    const read = Progress.safeParse(event.data['progress']);
    if (read.success) progress.set(event.subject, read.data);
    progressVersion = new Map(progress);
    tell();
  } else if (event.type === 'job.ended' && progress.delete(event.subject)) {
    progressVersion = new Map(progress);
    tell();
  }
};

/** After a longer absence everything is read anew instead of being caught up with. */
const gapMs = 300_000;

/** Follows the event log for as long as somebody is logged in; returns what ends it. */
export const followEvents = (): (() => void) => {
  let lastEventId: string | undefined;
  deviceStore.reload();
  const stop = whileVisible(async (signal, awayMs) => {
    if (awayMs > gapMs) lastEventId = undefined;
    let isFirst = true;
    const onConnection = (state: 'open' | 'lost'): void => {
      if (signal.aborted) return;
      setConnection(state);
      // Without an event to resume from nobody can say what was missed.
      if (state === 'open' && lastEventId === undefined && (!isFirst || awayMs > hiddenMs)) {
        deviceStore.reload();
        void queryClient.invalidateQueries();
      }
      isFirst = false;
    };
    try {
      for await (const event of client.follow('listEvents', undefined, { signal, lastEventId, onConnection })) {
        lastEventId = event.id ?? lastEventId;
        take(event.data);
      }
    } catch (error) {
      if (signal.aborted) return;
      setConnection('refused');
      if (isLoggedOut(error)) setPrincipal(null);
    }
  });
  return () => {
    stop();
    deviceStore.clear();
    progress.clear();
    setConnection('connecting');
  };
};

/** Timelines as they happen, of one board or of all, while the page is seen. Items that are lost meanwhile come when it is seen again. */
export const followTimelines = (
  query: { readonly device?: string; readonly session?: string },
  onMessage: (message: TimelineMessage) => void,
  onResumed: () => void = () => undefined,
): (() => void) => {
  let lastEventId: string | undefined;
  return whileVisible(async (signal) => {
    const onConnection = (state: 'open' | 'lost'): void => {
      if (state === 'open' && !signal.aborted) onResumed();
    };
    try {
      for await (const event of client.follow('watchTimelines', { query }, { signal, lastEventId, onConnection })) {
        lastEventId = event.id ?? lastEventId;
        onMessage(event.data);
      }
    } catch (error) {
      if (!signal.aborted && isLoggedOut(error)) setPrincipal(null);
    }
  });
};
