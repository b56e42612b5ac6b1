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

/** The pool as kysely wants it. */
export const createPool = (settings: PostgresSettings): PostgresPool => {
  const pool = new pg.Pool({
    ...clientConfig(settings),
    max: settings.poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    idleTimeoutMillis: 30_000,
  });
  // A connection that breaks while nobody uses it: the pool has dropped it already.
  pool.on('error', (error) => settings.log.warn({ err: error }, 'a connection to PostgreSQL broke'));
  const wrapped = new WeakMap<pg.PoolClient, PostgresPoolClient>();
  return {
    connect: async () => {
      const client = await pool.connect();
      const known = wrapped.get(client) ?? wrap(client, settings.log);
      wrapped.set(client, known);
      return known;
    },
    end: () => pool.end(),
  };
};

const wrap = (client: pg.PoolClient, log: Log): PostgresPoolClient => {
  // A connection that breaks between two statements: the next one fails. The pool listens only while nobody has the connection, and an error event that
  // nobody listens to would end the process.
  client.on('error', (error) => log.warn({ err: error }, 'a connection to PostgreSQL broke while it was in use'));
  return {
    query: ((text: string, parameters: readonly unknown[]) => client.query(text, parameters.map(bindable))) as never,
    release: () => client.release(),
  };
};
