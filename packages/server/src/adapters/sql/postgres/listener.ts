import pg from 'pg';
import { clientConfig, type PostgresSettings } from './pool.js';
import { eventChannel } from './traits.js';

export interface Listener {
  stop(): Promise<void>;
}

const retryMs = 2000;

/**
 * Calls `wake` when any server commits events. It has a connection of its own and makes a new one whenever that breaks; meanwhile the feed finds out by
 * looking now and then.
 */
export const createListener = (settings: PostgresSettings, wake: () => void): Listener => {
  let stopped = false;
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let isFailing = false;
  let connecting: Promise<void> = Promise.resolve();

  const again = (): void => {
    if (stopped) return;
    timer = setTimeout(begin, retryMs);
    timer.unref();
  };

  const connect = async (): Promise<void> => {
    const fresh = new pg.Client(clientConfig(settings));
    client = fresh;
    let ended = false;
    const end = (error?: Error): void => {
      if (ended) return;
      ended = true;
      if (!stopped && !isFailing) settings.log.warn({ err: error }, 'listening to PostgreSQL broke off; trying on');
      isFailing = true;
      void fresh.end().catch(() => undefined);
      again();
    };
    fresh.on('error', end);
    fresh.on('end', () => end());
    fresh.on('notification', ({ payload }) => {
      if (settings.schema === undefined || payload === settings.schema) wake();
    });
    try {
      await fresh.connect();
      await fresh.query(`listen ${eventChannel}`);
      isFailing = false;
      wake();
    } catch (error) {
      end(error instanceof Error ? error : undefined);
    }
  };

  const begin = (): void => {
    if (!stopped) connecting = connect();
  };
  begin();

  return {
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await connecting;
      await client?.end().catch(() => undefined);
    },
  };
};
