import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
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
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

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
  create: async () => databaseAt({ url: await sharedCluster(), schema: `t_${randomBytes(6).toString('hex')}` }),
};

/** Every database that the suites run on. */
export const adapters = (): Adapter[] => [sqlite(), postgres];
