import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from '@photostructure/sqlite';
import { Kysely, sql } from 'kysely';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { SqliteDialect } from './dialect.js';
import { isBusy } from './errors.js';

interface Tables {
  t: { n: number; text: string };
}

const folder = mkdtempSync(join(tmpdir(), 'drover-sqlite-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const opened: Kysely<Tables>[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((db) => db.destroy()));
});

let count = 0;
const open = async (busyTimeoutMs = 2000): Promise<{ db: Kysely<Tables>; file: string }> => {
  count += 1;
  const file = join(folder, `${count}.db`);
  const db = new Kysely<Tables>({ dialect: new SqliteDialect({ file, busyTimeoutMs }) });
  opened.push(db);
  await sql`create table t (n integer not null unique, text text not null)`.execute(db);
  return { db, file };
};
const pragma = async (db: Kysely<Tables>, name: string): Promise<unknown> =>
  Object.values((await sql<Record<string, unknown>>`${sql.raw(`pragma ${name}`)}`.execute(db)).rows[0] ?? {})[0];

describe('the SQLite driver', () => {
  it('makes commits durable and checks references', async () => {
    const { db } = await open();
    expect(await pragma(db, 'journal_mode')).toBe('wal');
    expect(await pragma(db, 'synchronous')).toBe(2);
    expect(await pragma(db, 'foreign_keys')).toBe(1);
  });

  it('counts what it changed and gives back rows', async () => {
    const { db } = await open();
    await db
      .insertInto('t')
      .values([
        { n: 1, text: 'a' },
        { n: 2, text: 'b\0' },
      ])
      .execute();
    const { numUpdatedRows } = await db
      .updateTable('t')
      .set({ text: 'c' })
      .where('n', '=', 1)
      .executeTakeFirstOrThrow();
    expect(numUpdatedRows).toBe(1n);
    expect(await db.deleteFrom('t').where('n', '=', 2).returning('text').execute()).toEqual([{ text: 'b\uFFFD' }]);
    const streamed: unknown[] = [];
    for await (const row of db.selectFrom('t').selectAll().stream()) streamed.push(row);
    expect(streamed).toEqual([{ n: 1, text: 'c' }]);
  });

  it('gives each transaction the connection for itself', async () => {
    const { db } = await open();
    const order: number[] = [];
    await Promise.all(
      [1, 2, 3].map((n) =>
        db.transaction().execute(async (trx) => {
          order.push(n);
          await trx.insertInto('t').values({ n, text: '' }).execute();
          await new Promise((resolve) => setTimeout(resolve, 5));
          order.push(n);
        }),
      ),
    );
    expect(order).toEqual([1, 1, 2, 2, 3, 3]);
  });

  it('waits for another writer without holding up this process', async () => {
    const { db, file } = await open();
    const other = new DatabaseSync(file);
    other.exec('begin immediate');
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    setTimeout(() => other.exec('commit'), 200);
    await db.transaction().execute((trx) => trx.insertInto('t').values({ n: 1, text: '' }).execute());
    clearInterval(timer);
    other.close();
    expect(ticks).toBeGreaterThan(4);
  });

  it('gives up on a writer that does not end', async () => {
    const { db, file } = await open(100);
    const other = new DatabaseSync(file);
    other.exec('begin immediate');
    const blocked = db.transaction().execute((trx) => trx.insertInto('t').values({ n: 1, text: '' }).execute());
    await expect(blocked.catch((error: unknown) => isBusy(error))).resolves.toBe(true);
    other.exec('rollback');
    other.close();
    await db.transaction().execute((trx) => trx.insertInto('t').values({ n: 1, text: '' }).execute());
  });

  it('lets timers run between endless transactions', async () => {
    const { db } = await open();
    let running = true;
    setTimeout(() => (running = false), 20);
    let transactions = 0;
    while (running) {
      await db.transaction().execute((trx) => trx.selectFrom('t').selectAll().execute());
      transactions += 1;
    }
    expect(transactions).toBeGreaterThan(0);
  });
});
