import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Disks, those that boards run from, who has them, how many a tenant may have, and the states of them that are kept. A disk keeps the digest of the image below it: the image may be deleted, its bytes may not. */
export const disks = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable('disks')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('tenant', text, (c) => c.notNull().references('tenants.id'))
      .addColumn('site', text, (c) => c.notNull())
      .addColumn('name', text, (c) => c.notNull())
      .addColumn('role', text, (c) => c.notNull())
      .addColumn('device', text)
      .addColumn('image', text)
      .addColumn('base', text)
      .addColumn('size', 'bigint', (c) => c.notNull())
      .addColumn('own_bytes', 'bigint')
      .addColumn('state', text, (c) => c.notNull())
      .addColumn('state_reason', text)
      .addColumn('job', text)
      .addColumn('created_at', text, (c) => c.notNull())
      .addColumn('updated_at', text, (c) => c.notNull())
      .addColumn('revision', 'integer', (c) => c.notNull())
      .addUniqueConstraint('disks_name', ['tenant', 'name'])
      .execute();
    await db.schema.alterTable('devices').addColumn('root_disk', text).execute();
    await db.schema.alterTable('tenants').addColumn('quota_disks', 'bigint').execute();
    await db.schema.alterTable('tenants').addColumn('quota_disk_bytes', 'bigint').execute();
    await db.schema.createIndex('disks_device').on('disks').column('device').execute();
    await db.schema.createIndex('disks_base').on('disks').column('base').execute();
    await db.schema
      .createTable('disk_attachments')
      .addColumn('disk', text, (c) => c.notNull().references('disks.id').onDelete('cascade'))
      .addColumn('device', text, (c) => c.notNull())
      .addColumn('access', text, (c) => c.notNull())
      .addColumn('state', text, (c) => c.notNull())
      .addColumn('since', text, (c) => c.notNull())
      .addPrimaryKeyConstraint('disk_attachments_key', ['disk', 'device'])
      .execute();
    await db.schema.createIndex('disk_attachments_device').on('disk_attachments').column('device').execute();
    await db.schema
      .createTable('disk_snapshots')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('disk', text, (c) => c.notNull().references('disks.id').onDelete('cascade'))
      .addColumn('tenant', text, (c) => c.notNull())
      .addColumn('name', text, (c) => c.notNull())
      .addColumn('size', 'bigint', (c) => c.notNull())
      .addColumn('state', text, (c) => c.notNull())
      .addColumn('state_reason', text)
      .addColumn('job', text)
      .addColumn('created_at', text, (c) => c.notNull())
      .addUniqueConstraint('disk_snapshots_name', ['disk', 'name'])
      .execute();
  },
});
