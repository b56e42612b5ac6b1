import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** The audit trail is found by age; uploads say which import reads them, idempotency keys which request of which server is at work under them. */
export const upkeep = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('uploads').addColumn('image', text).execute();
    await db.schema
      .alterTable('idempotency')
      .addColumn('owner', text, (c) => c.notNull().defaultTo(''))
      .execute();
    await db.schema.createIndex('audit_age').on('audit').column('at').execute();
  },
});
