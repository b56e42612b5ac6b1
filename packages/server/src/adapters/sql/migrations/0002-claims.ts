import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Uploads say which import reads them, idempotency keys which request of which server is at work under them. */
export const claims = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('uploads').addColumn('image', text).execute();
    await db.schema
      .alterTable('idempotency')
      .addColumn('owner', text, (c) => c.notNull().defaultTo(''))
      .execute();
  },
});
