import type { TimelineFeed } from './ports.js';

/** Timeline items as they are stored, to everyone in this process who watches. A listener that fails does not keep the others from hearing. */
export function createTimelineFeed(onFault: (error: unknown) => void): TimelineFeed {
  const listeners = new Set<Parameters<TimelineFeed['subscribe']>[0]>();
  return {
    publish: (session, device, tenant, items) => {
      if (items.length === 0) return;
      for (const listener of listeners) {
        try {
          listener(session, device, tenant, items);
        } catch (error) {
          onFault(error);
        }
      }
    },
    subscribe: (listener) => {
      // Its own function: the same listener may subscribe twice.
      const own: typeof listener = (...told) => listener(...told);
      listeners.add(own);
      return () => void listeners.delete(own);
    },
  };
}
