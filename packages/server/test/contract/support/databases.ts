import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import pg from 'pg';
import { afterEach } from 'vitest';
import { createSqlStore, type SqlStore } from '../../../src/adapters/sql/index.js';
import { temporaryFolder } from './folders.js';
import { sharedCluster } from './postgres-cluster.js';
import { createTestLog } from './world.js';

/** One database, which several servers may open. */
export interface TestDatabase {
  /** Another server on it. Closed after the test. `pollMs`: how often its feed looks for events of others. */
  open(pollMs?: number): Promise<SqlStore>;
  /** How a child process opens it. */
  readonly location: { readonly file: string } | { readonly url: string; readonly schema: string };
}

export interface Adapter {
  readonly name: 'SQLite' | 'PostgreSQL';
  /** A fresh, empty database. */
  readonly create: () => Promise<TestDatabase>;
}

const opened: SqlStore[] = [];
const schemas: string[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
  await dropSchemas(schemas.splice(0));
});

/** A migration reads the names of all tables of the cluster: ten times as long after 160 tests that left theirs. */
const dropSchemas = async (names: readonly string[]): Promise<void> => {
  if (names.length === 0) return;
  const client = new pg.Client({ connectionString: await sharedCluster() });
  await client.connect();
  try {
    for (const name of names) await client.query(`drop schema if exists ${name} cascade`);
  } finally {
    await client.end();
  }
};

const openAt = async (location: TestDatabase['location'], pollMs: number): Promise<SqlStore> => {
  const store = await createSqlStore({ ...location, log: createTestLog(), pollMs });
  opened.push(store);
  return store;
};

const databaseAt = (location: TestDatabase['location']): TestDatabase => ({
  location,
  open: (pollMs = 100) => openAt(location, pollMs),
});

const sqlite = (): Adapter => {
  const folder = temporaryFolder();
  return {
    name: 'SQLite',
    create: async () => databaseAt({ file: join(folder, `${randomBytes(6).toString('hex')}.db`) }),
  };
};

const postgres: Adapter = {
  name: 'PostgreSQL',
  create: async () => {
    const schema = `t_${randomBytes(6).toString('hex')}`;
    schemas.push(schema);
    return databaseAt({ url: await sharedCluster(), schema });
  },
};

/** Every database that the suites run on. */
export const adapters = (): Adapter[] => [sqlite(), postgres];
