import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ForeignDatabaseError, openStorage } from '../../src/composition/storage.js';
import type { Settings } from '../../src/config.js';
import { temporaryFolder } from './support/folders.js';
import { sharedCluster } from './support/postgres-cluster.js';
import { createTestLog, testIds } from './support/world.js';
import pg from 'pg';

const folder = temporaryFolder();
const ownDatabase = async (): Promise<string> => {
  const url = await sharedCluster();
  const name = `d_${testIds.randomHex(6)}`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return url.replace('/postgres?', `/${name}?`);
};
const open = (dataDir: string, database: string) =>
  openStorage({ dataDir: join(folder, dataDir), database } as Settings, createTestLog());

describe('a PostgreSQL that another server keeps its images for', () => {
  it('is refused, for the images are in the data folder of that one; a folder that takes its place says so', async () => {
    const database = await ownDatabase();
    const first = await open('first', database);
    await first.close();
    await (await open('first', database)).close();

    const opening = open('second', database);
    await expect(opening).rejects.toThrow(ForeignDatabaseError);
    await expect(opening).rejects.toThrow(join(folder, 'second', 'server-id'));
    await expect(opening).rejects.toThrow(first.serverId);

    await writeFile(join(folder, 'second', 'server-id'), await readFile(join(folder, 'first', 'server-id')));
    await (await open('second', database)).close();
  });

  it('is not looked for in SQLite, which lies in the data folder itself', async () => {
    await (await open('third', 'sqlite')).close();
    await writeFile(join(folder, 'third', 'server-id'), 'another\n');
    await (await open('third', 'sqlite')).close();
  });
});
