import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import pg from 'pg';
import { describe, expect, it } from 'vitest';
import { createSqlStore, NewerDatabaseError, UnusableDatabaseError } from '../../src/adapters/sql/index.js';
import { adapters, type TestDatabase } from './support/databases.js';
import { temporaryFolder } from './support/folders.js';
import { sharedCluster } from './support/postgres-cluster.js';
import { aTenant } from './support/records.js';
import { createTestLog } from './support/world.js';

/** Does to the database what another program would. */
const execute = async (location: TestDatabase['location'], statement: string): Promise<void> => {
  if ('file' in location) {
    const db = new DatabaseSync(location.file);
    db.exec(statement);
    db.close();
    return;
  }
  const client = new pg.Client({ connectionString: location.url, options: `-c search_path=${location.schema}` });
  await client.connect();
  await client.query(statement);
  await client.end();
};

describe.each(adapters())('the tables on $name', ({ create }) => {
  it('are made once by servers that start at the same moment', async () => {
    const database = await create();
    const servers = await Promise.all(Array.from({ length: 5 }, () => database.open()));
    const tenant = aTenant('one');
    await servers[0]!.transaction((tx) => tx.tenants.insert(tenant));
    for (const server of servers) expect((await server.read((tx) => tx.tenants.get(tenant.id)))?.name).toBe('one');
  });

  it('are kept by the next start', async () => {
    const database = await create();
    const first = await database.open();
    const tenant = aTenant('one');
    await first.transaction((tx) => tx.tenants.insert(tenant));
    await first.close();
    expect(await (await database.open()).read((tx) => tx.tenants.get(tenant.id))).toEqual(tenant);
  });

  it('of an older Drover get what they lack, and keep what they hold', async () => {
    const database = await create();
    const older = await database.open();
    const tenant = { ...aTenant('one'), quota: { disks: 3, diskBytes: 5e12, backupBytes: null } };
    await older.transaction((tx) => tx.tenants.insert(tenant));
    await older.close();
    await execute(
      database.location,
      `drop table web_sessions;
       drop table first_boots;
       drop table device_files;
       alter table devices drop column console;
       drop index devices_power_place;
       drop index devices_power_proof;
       alter table devices drop column power_driver;
       alter table devices drop column power_values;
       alter table devices drop column power_place;
       alter table devices drop column power_wanted;
       alter table devices drop column power_state;
       alter table devices drop column power_since;
       alter table devices drop column power_failure;
       alter table devices drop column power_acted_at;
       alter table devices drop column power_proof_until;
       drop index devices_lease;
       drop table provision_requests;
       alter table devices drop column memory_mib;
       alter table devices drop column lease_until;
       drop index devices_beat_session;
       alter table devices drop column beat_session;
       alter table devices drop column beat_at;
       alter table devices drop column beat_due_at;
       alter table devices drop column beat_silent_at;
       alter table devices drop column beat_health;
       alter table devices drop column beat_said;
       drop table build_files;
       drop table card_versions;
       drop table track_chunks;
       drop table tracked_cards;
       drop table boot_layer_versions;
       drop table boot_layers;
       drop table builds;
       drop index disk_backups_tenant;
       alter table tenants drop column quota_backup_bytes;
       drop index disks_delete_at;
       alter table disks drop column delete_at;
       alter table disks drop column kind;
       alter table disks drop column clone;
       alter table disks drop column nfs;
       drop index disks_restored_from;
       alter table disks drop column restored_from;
       delete from kysely_migration where name > '0006'`,
    );
    const newer = await database.open();
    expect(await newer.read((tx) => tx.tenants.get(tenant.id))).toEqual(tenant);
    const quota = { ...tenant.quota, backupBytes: 6e12 };
    await newer.transaction((tx) => tx.tenants.setQuota(tenant.id, quota));
    expect((await newer.read((tx) => tx.tenants.get(tenant.id)))?.quota).toEqual(quota);
  });

  it('of a newer Drover are left alone, with a clear word', async () => {
    const database = await create();
    await (await database.open()).close();
    await execute(
      database.location,
      `insert into kysely_migration (name, timestamp) values ('9999-quantum', '2030-01-01T00:00:00.000Z')`,
    );
    const opening = database.open();
    await expect(opening).rejects.toThrow(NewerDatabaseError);
    await expect(opening).rejects.toThrow(/newer Drover.*9999-quantum/);
  });
});

describe('a database that cannot be opened', () => {
  const folder = temporaryFolder();

  it('is refused when it is another file', async () => {
    const file = join(folder, 'notes.txt');
    await writeFile(
      file,
      'not a database at all, but long enough to look like a file of one kind or another'.repeat(20),
    );
    const opening = createSqlStore({ file, log: createTestLog() });
    await expect(opening).rejects.toThrow(UnusableDatabaseError);
    await expect(opening).rejects.toThrow(/notes\.txt.*not a database.*Move that file away/);
  });

  it('is refused when nobody listens there', async () => {
    const url = `postgres://drover@/postgres?host=${encodeURIComponent(folder)}`;
    const opening = createSqlStore({ url, log: createTestLog() });
    await expect(opening).rejects.toThrow(UnusableDatabaseError);
    await expect(opening).rejects.toThrow(/setting `database`.*ENOENT.*Start it/);
  });

  it('is refused when there is no such database, or no such role', async () => {
    const url = await sharedCluster();
    const open = (changed: string) => createSqlStore({ url: changed, log: createTestLog() });
    await expect(open(url.replace('/postgres?', '/nosuch?'))).rejects.toThrow(
      /"nosuch" does not exist.*Make that database/,
    );
    await expect(open(url.replace('drover@', 'nobody@'))).rejects.toThrow(
      /"nobody" does not exist.*Mend user and password/,
    );
  });

  it('is made for its owner alone', async () => {
    const file = join(folder, 'drover.db');
    const store = await createSqlStore({ file, log: createTestLog() });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    await store.close();
    await expect(store.ping()).rejects.toThrow();
  });
});
