import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Which backup a disk is made of, so that it is kept for so long. It may be deleted later, so it is named and not referred to. */
export const restoredDisks = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('disks').addColumn('restored_from', text).execute();
    await db.schema.createIndex('disks_restored_from').on('disks').column('restored_from').execute();
  },
});
