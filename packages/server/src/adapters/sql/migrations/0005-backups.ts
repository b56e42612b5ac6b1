import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Backups of disks. They outlive the disk, so it is named and not referred to; the digest keeps the blob. */
export const backups = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable('disk_backups')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('tenant', text, (c) => c.notNull().references('tenants.id'))
      .addColumn('disk', text, (c) => c.notNull())
      .addColumn('disk_name', text, (c) => c.notNull())
      .addColumn('format', text, (c) => c.notNull())
      .addColumn('size', 'bigint', (c) => c.notNull())
      .addColumn('bytes', 'bigint')
      .addColumn('digest', text)
      .addColumn('state', text, (c) => c.notNull())
      .addColumn('job', text)
      .addColumn('created_at', text, (c) => c.notNull())
      .execute();
    await db.schema.createIndex('disk_backups_disk').on('disk_backups').column('disk').execute();
    await db.schema.createIndex('disk_backups_digest').on('disk_backups').column('digest').execute();
  },
});
