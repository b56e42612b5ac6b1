import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** How many bytes of backups a tenant may have; null, as for all there were before: any number. */
export const backupQuota = (_traits: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('tenants').addColumn('quota_backup_bytes', 'bigint').execute();
    await db.schema.createIndex('disk_backups_tenant').on('disk_backups').column('tenant').execute();
  },
});
