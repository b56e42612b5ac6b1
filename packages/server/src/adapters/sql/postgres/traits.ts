import { sql } from 'kysely';
import type { Traits } from '../traits.js';
import { classify } from './errors.js';

/** Channel of NOTIFY; the payload is the schema whose log grew. */
export const eventChannel = 'drover_events';

/** First half of our advisory locks, so that they never meet those of another program on the same database. */
const lockSpace = 0x64726f76;

/** SERIALIZABLE transactions, row locks where many want one of several rows, one advisory lock that orders the event log. */
export const postgresTraits: Traits = {
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
  classify,
};
