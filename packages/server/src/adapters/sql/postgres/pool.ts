import pg from 'pg';
import type { PostgresPool, PostgresPoolClient } from 'kysely';
import type { Log } from '../../../app/ports.js';

export interface PostgresSettings {
  readonly url: string;
  /** Schema of the tables; undefined: the first of the role's search path. */
  readonly schema: string | undefined;
  readonly poolSize: number;
  readonly log: Log;
}

/** A connection is waited for this long before the request is refused as busy. */
const connectTimeoutMs = 10_000;

/** OID of the type, as in the catalogue pg_type. */
const int8: number = pg.types.builtins.INT8;

/** 64-bit integers as numbers: ours are sizes, counters and moments, far below 2^53. */
const safeNumber = (text: string): number => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`the number ${text} in the database is too large`);
  return value;
};

const types: pg.CustomTypesConfig = {
  getTypeParser: (oid, format) =>
    Number(oid) === int8 && format !== 'binary'
      ? safeNumber
      : (pg.types.getTypeParser(oid, format) as (text: string) => unknown),
};

export const clientConfig = ({ url }: PostgresSettings): pg.ClientConfig => ({
  connectionString: url,
  application_name: 'drover',
  keepAlive: true,
  types,
});

/** PostgreSQL cannot hold a NUL in text; SQLite's driver does the same. */
const bindable = (value: unknown): unknown =>
  typeof value === 'string' && value.includes('\0') ? value.replaceAll('\0', '\uFFFD') : value;

/** A server that died without closing its connection must not hold its locks for long. */
const idleInTransaction = '60s';
/** A lock that somebody holds longer than this: the request is refused as busy. */
const lockTimeout = '10s';

/**
 * What each connection needs: the schema of the tables, and that a commit is durable when it returns, even where the installation's default is less.
 * Stricter settings of the database stay.
 */
const prepare = async (client: pg.PoolClient, schema: string | undefined): Promise<void> => {
  await client.query(
    `select
      set_config('idle_in_transaction_session_timeout', $1, false),
      set_config('lock_timeout', $2, false),
      case when $3::text is not null then set_config('search_path', quote_ident($3), false) end,
      case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', false) end`,
    [idleInTransaction, lockTimeout, schema ?? null],
  );
};

/**
 * The pool as kysely wants it. Connections are prepared here and not by kysely, which would neither give one back whose preparation failed nor prepare
 * it again.
 */
export const createPool = (settings: PostgresSettings): PostgresPool => {
  const pool = new pg.Pool({
    ...clientConfig(settings),
    max: settings.poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
  });
  // A connection that breaks while nobody uses it: the pool has dropped it already.
  pool.on('error', (error) => settings.log.warn({ err: error }, 'a connection to PostgreSQL broke'));
  // One that breaks while somebody has it, between two statements: the next one fails. The pool does not listen then, and an error event that nobody
  // listens to would end the process.
  pool.on('connect', (client) =>
    client.on('error', (error) => settings.log.warn({ err: error }, 'a connection to PostgreSQL broke in use')),
  );
  const prepared = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    connect: async () => {
      const client = await pool.connect();
      const known = prepared.get(client);
      if (known !== undefined) return known;
      const wrapped = wrap(client);
      try {
        await prepare(client, settings.schema);
      } catch (error) {
        client.release(true);
        throw error;
      }
      prepared.set(client, wrapped);
      return wrapped;
    },
    end: () => pool.end(),
  };
};

const wrap = (client: pg.PoolClient): PostgresPoolClient => ({
  query: ((text: string, parameters: readonly unknown[]) => client.query(text, parameters.map(bindable))) as never,
  release: () => client.release(),
});
