import type { Tenant } from '@drover/contract';
import type { TenantRepository } from '../../../app/tenants/ports.js';
import { olderThan } from '../conditions.js';
import { mapPage, pageFrom } from '../pages.js';
import type { TenantRow } from '../schema.js';
import type { Context } from './context.js';

const toTenant = (row: TenantRow): Tenant => ({ id: row.id, name: row.name, createdAt: row.created_at });

export const createTenantRepository = ({ db }: Context): TenantRepository => ({
  insert: async (tenant) => {
    await db.insertInto('tenants').values({ id: tenant.id, name: tenant.name, created_at: tenant.createdAt }).execute();
  },
  get: async (id) => {
    const row = await db.selectFrom('tenants').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toTenant(row);
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
    return mapPage(
      pageFrom(rows, limit, (row) => [row.created_at, row.id]),
      toTenant,
    );
  },
});
