import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Disks that go by themselves, when nobody keeps them. */
export const disksToDelete = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('disks').addColumn('delete_at', text).execute();
    await db.schema.createIndex('disks_delete_at').on('disks').column('delete_at').execute();
  },
});
