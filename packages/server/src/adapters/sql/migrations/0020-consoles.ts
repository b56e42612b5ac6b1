import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Where the serial console of a device is, as JSON. */
export const consoles = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('devices').addColumn('console', text).execute();
  },
});
