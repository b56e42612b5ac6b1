import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Assignments that end by themselves, memory to choose by, and who waits for a device. */
export const leasesAndRequests = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('devices').addColumn('memory_mib', 'integer').execute();
    await db.schema.alterTable('devices').addColumn('lease_until', text).execute();
    await db.schema.createIndex('devices_lease').on('devices').column('lease_until').execute();
    await db.schema
      .createTable('provision_requests')
      .addColumn('id', text, (c) => c.primaryKey())
      .addColumn('tenant', text, (c) => c.notNull().references('tenants.id'))
      .addColumn('key_id', text, (c) => c.notNull())
      .addColumn('key_tenant', text)
      .addColumn('state', text, (c) => c.notNull())
      .addColumn('reason', text)
      .addColumn('image', text, (c) => c.notNull())
      .addColumn('wish', text, (c) => c.notNull())
      .addColumn('wanted', text, (c) => c.notNull())
      .addColumn('device', text)
      .addColumn('created_at', text, (c) => c.notNull())
      .addColumn('waits_until', text, (c) => c.notNull())
      .addColumn('ended_at', text)
      .execute();
    await db.schema
      .createIndex('provision_requests_order')
      .on('provision_requests')
      .columns(['state', 'tenant', 'created_at', 'id'])
      .execute();
  },
});
