import type { DomainEvent } from '@drover/contract';
import type { Log } from '../ports.js';
import type { ProgressFeed } from './ports.js';

/** The feed of this process. */
export const createProgressFeed = ({ log }: { readonly log: Log }): ProgressFeed => {
  const listeners = new Set<(event: DomainEvent) => void>();
  return {
    publish: (event) => {
      for (const listener of listeners) {
        try {
          listener(event);
        } catch (error) {
          log.error({ err: error, subject: event.subject }, 'a listener of job progress failed');
        }
      }
    },
    subscribe: (listener) => {
      const own = (event: DomainEvent): void => listener(event);
      listeners.add(own);
      return () => {
        listeners.delete(own);
      };
    },
  };
};
