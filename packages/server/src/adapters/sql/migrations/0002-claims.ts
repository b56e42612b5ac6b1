import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Uploads say which import reads them. */
export const claims = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('uploads').addColumn('image', text).execute();
  },
});
