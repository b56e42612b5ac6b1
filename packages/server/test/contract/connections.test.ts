import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createSqlStore } from '../../src/adapters/sql/index.js';
import { sharedCluster } from './support/postgres-cluster.js';
import { aTenant, someTime } from './support/records.js';
import { createTestLog, testIds } from './support/world.js';

/** Runs a statement as another program would. */
const execute = async (url: string, statement: string): Promise<void> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
};

/** A database of its own in the cluster. */
const ownDatabase = async (): Promise<string> => {
  const url = await sharedCluster();
  const name = `d_${testIds.randomHex(6)}`;
  await execute(url, `create database ${name}`);
  return url.replace('/postgres?', `/${name}?`);
};

/** Ends every connection to it, as a restart of the database does. */
const cutConnections = (url: string): Promise<void> =>
  execute(
    url,
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid()`,
  );

describe('connections to PostgreSQL', () => {
  it('are made anew whenever the database was away, for queries and for events, and none is lost', async () => {
    const url = await ownDatabase();
    const store = await createSqlStore({ url, log: createTestLog(), pollMs: 20, poolSize: 2 });
    const seen: string[] = [];
    store.events.subscribe((event) => seen.push(event.subject));
    const write = (subject: string): Promise<boolean> =>
      store
        .transaction((tx) =>
          tx.events.append({ type: 'tenant.created', at: someTime, tenant: null, subject, data: {} }),
        )
        .then(
          () => true,
          () => false,
        );
    for (let round = 0; round < 8; round += 1) {
      const working = store.transaction(async (tx) => {
        await tx.settings.putIfAbsent('a', 'b');
        await cutConnections(url);
        await tx.settings.putIfAbsent('c', 'd');
      });
      await expect(working).rejects.toThrow();
      // The first use of a connection that was cut may fail; it must take neither the process nor its place in the pool with it.
      for (let attempt = 0; !(await write(`round ${round}`)); attempt += 1) {
        if (attempt > 50) throw new Error('the store did not come back');
        await sleep(50);
      }
    }
    for (let waited = 0; seen.length < 8 && waited < 10_000; waited += 50) await sleep(50);
    expect(seen).toEqual(Array.from({ length: 8 }, (_, round) => `round ${round}`));
    expect(await store.read((tx) => tx.settings.get('a'))).toBeUndefined();
    await store.close();
  });

  it('commit durably even where the database does not by default', async () => {
    const url = await sharedCluster();
    const schema = `t_${testIds.randomHex(6)}`;
    const store = await createSqlStore({ url, schema, log: createTestLog() });
    const client = new pg.Client({ connectionString: url, options: `-c search_path=${schema}` });
    await client.connect();
    expect((await client.query<{ synchronous_commit: string }>('show synchronous_commit')).rows).toEqual([
      { synchronous_commit: 'off' },
    ]);
    // The database itself notes what a writing session has set.
    await client.query(`create table seen (value text);
      create function note() returns trigger language plpgsql as $$
        begin insert into seen values (current_setting('synchronous_commit')); return new; end $$;
      create trigger note after insert on tenants for each row execute function note();`);
    await store.transaction((tx) => tx.tenants.insert(aTenant('x')));
    expect((await client.query<{ value: string }>('select value from seen')).rows).toEqual([{ value: 'on' }]);
    await client.end();
    await store.close();
  });

  it('do not run out when many ask at once', async () => {
    const url = await sharedCluster();
    const store = await createSqlStore({ url, schema: `t_${testIds.randomHex(6)}`, log: createTestLog(), poolSize: 2 });
    const made = await Promise.all(
      Array.from({ length: 100 }, (_, i) => store.transaction((tx) => tx.settings.putIfAbsent(`k${i % 5}`, String(i)))),
    );
    expect(new Set(made).size).toBe(5);
    await store.close();
  });
});
