import { Kysely, sql } from 'kysely';
import type { EventFeed } from '../../app/events/ports.js';
import type { Log } from '../../app/ports.js';
import type { Store } from '../../app/store/ports.js';
import { createFeed } from './feed.js';
import { migrate } from './migrate.js';
import type { Listener } from './postgres/listener.js';
import { createPostgresTraits } from './postgres/traits.js';
import { eventsAfter, lastEventId } from './repositories/events.js';
import type { Tables } from './schema.js';
import { SqliteDialect } from './sqlite/dialect.js';
import { sqliteTraits } from './sqlite/traits.js';
import { createStore } from './store.js';
import { resultCode, resultCodeOf } from './sqlite/errors.js';
import { whyUnusable } from './postgres/errors.js';
import type { Traits } from './traits.js';
import { UnusableDatabaseError } from './unusable.js';

export { NewerDatabaseError } from './migrate.js';
export { UnusableDatabaseError } from './unusable.js';

export interface SqlStore extends Store {
  readonly events: EventFeed;
  /** Waits for what is under way, then closes every connection. */
  close(): Promise<void>;
}

interface CommonOptions {
  readonly log: Log;
  /** How often to look for events that other processes wrote, in ms; with PostgreSQL they are also notified at once. */
  readonly pollMs?: number;
}

/** `file`: path of the SQLite file, made when absent, in a folder that is there. */
export interface SqliteOptions extends CommonOptions {
  readonly file: string;
}

/** `url`: `postgres://user:password@host:port/database`. `schema` is made when absent; without it the role's own default is used. */
export interface PostgresOptions extends CommonOptions {
  readonly url: string;
  readonly schema?: string;
  /** Connections at most; one more listens. */
  readonly poolSize?: number;
}

export type SqlStoreOptions = SqliteOptions | PostgresOptions;

/** A database opened, its tables not looked at yet. */
interface Opened {
  readonly db: Kysely<Tables>;
  readonly traits: Traits;
  /** Schema of the tables on PostgreSQL. */
  readonly schema: string | undefined;
  /** Begins to hear of other servers' events. */
  readonly listen: (wake: () => void) => Listener | undefined;
}

/**
 * Opens the database and brings its tables up to date.
 *
 * @throws NewerDatabaseError when a newer Drover made it; UnusableDatabaseError when it cannot be reached, does not let us in, or is no database.
 */
export const createSqlStore = async (options: SqlStoreOptions): Promise<SqlStore> => {
  const { db, traits, schema, listen } = 'file' in options ? openSqlite(options) : await openPostgres(options);
  try {
    await migrate(db, traits, schema);
    const feed = createFeed({
      after: (id, limit) => eventsAfter(db, id, limit),
      position: await lastEventId(db),
      pollMs: options.pollMs ?? 500,
      log: options.log,
    });
    const listener = listen(feed.wake);
    return {
      ...createStore({ db, traits, onEvents: feed.wake }),
      events: feed,
      close: async () => {
        await listener?.stop();
        await feed.stop();
        await db.destroy();
      },
    };
  } catch (error) {
    await db.destroy();
    throw explained(options, error);
  }
};

/** What an administrator can do about it; a fault stays one. */
const explained = (options: SqlStoreOptions, error: unknown): unknown => {
  if ('file' in options) {
    if (resultCodeOf(error) !== resultCode.notADatabase) return error;
    const remedy = 'Move that file away, or put a backup of the database in its place.';
    return new UnusableDatabaseError(options.file, error, remedy);
  }
  const remedy = whyUnusable(error);
  return remedy === undefined
    ? error
    : new UnusableDatabaseError('The PostgreSQL of the setting `database`', error, remedy);
};

const openSqlite = ({ file }: SqliteOptions): Opened => ({
  db: new Kysely<Tables>({ dialect: new SqliteDialect({ file, busyTimeoutMs: 10_000 }) }),
  traits: sqliteTraits,
  schema: undefined,
  listen: () => undefined,
});

const openPostgres = async ({ url, schema, poolSize = 10, log }: PostgresOptions): Promise<Opened> => {
  // A server on SQLite needs no client of PostgreSQL.
  const { createPostgresDialect } = await import('./postgres/dialect.js');
  const { createListener } = await import('./postgres/listener.js');
  const db = new Kysely<Tables>({ dialect: createPostgresDialect({ url, schema, poolSize, log }) });
  try {
    const own = schema ?? (await currentSchema(db));
    return {
      db,
      traits: createPostgresTraits(),
      schema: own,
      listen: (wake) => createListener({ url, schema: own, poolSize, log }, () => wake()),
    };
  } catch (error) {
    await db.destroy();
    throw explained({ url, log }, error);
  }
};

const currentSchema = async (db: Kysely<Tables>): Promise<string> => {
  const { rows } = await sql<{ schema: string | null }>`select current_schema() as schema`.execute(db);
  const schema = rows[0]?.schema;
  if (schema != null) return schema;
  throw new Error('database: the role has no schema to make tables in; create one, or set its search_path');
};
