import { Kysely } from 'kysely';
import type { EventFeed } from '../../app/events/ports.js';
import type { Log } from '../../app/ports.js';
import type { Store } from '../../app/store/ports.js';
import { createFeed } from './feed.js';
import { migrate } from './migrate.js';
import { eventsAfter, lastEventId } from './repositories/events.js';
import type { Tables } from './schema.js';
import { SqliteDialect } from './sqlite/dialect.js';
import { sqliteTraits } from './sqlite/traits.js';
import { createStore } from './store.js';

export { NewerDatabaseError } from './migrate.js';

export interface SqlStore extends Store {
  readonly events: EventFeed;
  /** Waits for what is under way, then closes every connection. */
  close(): Promise<void>;
}

export interface SqlStoreOptions {
  /** Path of the SQLite file; made when absent, with its folder there already. */
  readonly file: string;
  readonly log: Log;
  /** How often to look for events that other processes wrote, in ms. */
  readonly pollMs?: number;
}

/**
 * Opens the database and brings its tables up to date.
 *
 * @throws NewerDatabaseError when a newer Drover made it; Error when it cannot be opened or is no database.
 */
export const createSqlStore = async (options: SqlStoreOptions): Promise<SqlStore> => {
  const traits = sqliteTraits;
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ file: options.file, busyTimeoutMs: 10_000 }) });
  try {
    await migrate(db, traits, undefined);
    const feed = createFeed({
      after: (id, limit) => eventsAfter(db, id, limit),
      position: await lastEventId(db),
      pollMs: options.pollMs ?? 500,
      log: options.log,
    });
    return {
      ...createStore({ db, traits, onEvents: feed.wake }),
      events: feed,
      close: async () => {
        await feed.stop();
        await db.destroy();
      },
    };
  } catch (error) {
    await db.destroy();
    throw error;
  }
};
