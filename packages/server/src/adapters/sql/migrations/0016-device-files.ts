import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Files that devices get at each boot. */
export const deviceFiles = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable('device_files')
      .addColumn('device', text, (c) => c.notNull().references('devices.id').onDelete('cascade'))
      .addColumn('path', text, (c) => c.notNull())
      .addColumn('mode', text, (c) => c.notNull())
      .addColumn('uid', 'integer', (c) => c.notNull())
      .addColumn('gid', 'integer', (c) => c.notNull())
      .addColumn('size', 'integer', (c) => c.notNull())
      .addColumn('sha256', text, (c) => c.notNull())
      .addColumn('content', text, (c) => c.notNull())
      .addColumn('updated_at', text, (c) => c.notNull())
      .addPrimaryKeyConstraint('device_files_pk', ['device', 'path'])
      .execute();
  },
});
