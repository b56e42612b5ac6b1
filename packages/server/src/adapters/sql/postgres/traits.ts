import { sql } from 'kysely';
import type { Traits } from '../traits.js';
import { createMutex } from '../mutex.js';
import { classify } from './errors.js';

/** Channel of NOTIFY; the payload is the schema whose log grew. */
export const eventChannel = 'drover_events';

/** First half of our advisory locks, so that they never meet those of another program on the same database. */
const lockSpace = 0x64726f76;

const turn = sql`${sql.lit(lockSpace)}, hashtext(current_schema() || ' turn')`;

/** SERIALIZABLE transactions, row locks where many want one of several rows, one advisory lock that orders the event log. */
export const createPostgresTraits = (turns = createMutex()): Traits => ({
  name: 'postgres',
  text: sql`text collate "C"`,
  counterType: 'bigint',
  counter: (column) => column.primaryKey().generatedAlwaysAsIdentity(),
  lock: (query) => query.forUpdate(),
  lockFree: (query) => query.forUpdate().skipLocked(),
  orderEvents: async (db) => {
    await sql`select
      pg_advisory_xact_lock(${sql.lit(lockSpace)}, hashtext(current_schema())),
      pg_notify(${sql.lit(eventChannel)}, current_schema())`.execute(db);
  },
  inTurn: async (db, work) =>
    turns.hold(() =>
      db.connection().execute(async (own) => {
        // Before the transaction, so that its view is of after the wait; and the lock goes with the connection should the server die.
        await sql`select pg_advisory_lock(${turn})`.execute(own);
        try {
          return await work(own);
        } finally {
          await sql`select pg_advisory_unlock(${turn})`.execute(own);
        }
      }),
    ),
  classify,
});
