import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Disks that are directories, exported over NFS. */
export const directories = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .alterTable('disks')
      .addColumn('kind', text, (c) => c.notNull().defaultTo('block'))
      .execute();
    await db.schema.alterTable('disks').addColumn('clone', text).execute();
    await db.schema.alterTable('disks').addColumn('nfs', text).execute();
  },
});
