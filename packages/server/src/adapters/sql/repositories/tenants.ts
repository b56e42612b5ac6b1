import type { Tenant, TenantQuota } from '@drover/contract';
import type { TenantRepository } from '../../../app/tenants/ports.js';
import { olderThan } from '../conditions.js';
import { newestPage } from '../pages.js';
import type { TenantRow } from '../schema.js';
import type { Context } from './context.js';

const toTenant = (row: TenantRow): Tenant => ({
  id: row.id,
  name: row.name,
  quota: { disks: row.quota_disks, diskBytes: row.quota_disk_bytes, backupBytes: row.quota_backup_bytes },
  createdAt: row.created_at,
});

type QuotaColumns = Pick<TenantRow, 'quota_disks' | 'quota_disk_bytes' | 'quota_backup_bytes'>;

const columnsOf = ({ disks, diskBytes, backupBytes }: TenantQuota): QuotaColumns => ({
  quota_disks: disks,
  quota_disk_bytes: diskBytes,
  quota_backup_bytes: backupBytes,
});

export const createTenantRepository = ({ db, traits }: Context): TenantRepository => ({
  insert: async (tenant) => {
    const { id, name, quota, createdAt } = tenant;
    await db
      .insertInto('tenants')
      .values({ id, name, ...columnsOf(quota), created_at: createdAt })
      .execute();
  },
  get: async (id) => {
    const row = await db.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toTenant(row);
  },
  getForUpdate: async (id) => {
    const row = await traits.lock(db.selectFrom('tenants').selectAll().where('id', '=', id)).executeTakeFirst();
    return row && toTenant(row);
  },
  setQuota: async (id, quota) => {
    await db.updateTable('tenants').set(columnsOf(quota)).where('id', '=', id).execute();
  },
  findByName: async (name) => {
    const row = await db.selectFrom('tenants').selectAll().where('name', '=', name).executeTakeFirst();
    return row && toTenant(row);
  },
  list: async ({ limit, cursor }) => {
    const rows = await db
      .selectFrom('tenants')
      .selectAll()
      .where(olderThan(cursor, 'created_at'))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return newestPage(rows, limit, toTenant);
  },
});
