import type { KeyRecord, KeyRepository } from '../../../app/tenants/ports.js';
import { ofTenant, olderThan } from '../conditions.js';
import { newestPage } from '../pages.js';
import type { KeyRow } from '../schema.js';
import type { Context } from './context.js';

const toKey = (row: KeyRow): KeyRecord => ({
  id: row.id,
  tenant: row.tenant,
  name: row.name,
  role: row.role,
  hint: row.hint,
  hash: row.hash,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  revokedAt: row.revoked_at,
  lastUsedAt: row.last_used_at,
});

const toRow = (key: KeyRecord): KeyRow => ({
  id: key.id,
  tenant: key.tenant,
  name: key.name,
  role: key.role,
  hint: key.hint,
  hash: key.hash,
  created_at: key.createdAt,
  expires_at: key.expiresAt,
  revoked_at: key.revokedAt,
  last_used_at: key.lastUsedAt,
});

export const createKeyRepository = ({ db }: Context): KeyRepository => ({
  insert: async (key) => {
    await db.insertInto('keys').values(toRow(key)).execute();
  },
  get: async (id) => {
    const row = await db.selectFrom('keys').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toKey(row);
  },
  findByHash: async (hash) => {
    const row = await db.selectFrom('keys').selectAll().where('hash', '=', hash).executeTakeFirst();
    return row && toKey(row);
  },
  list: async ({ tenant }, { limit, cursor }) => {
    const rows = await db
      .selectFrom('keys')
      .selectAll()
      .where(ofTenant(tenant))
      .where(olderThan(cursor, 'created_at'))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return newestPage(rows, limit, toKey);
  },
  revoke: async (id, at) => {
    await db.updateTable('keys').set({ revoked_at: at }).where('id', '=', id).where('revoked_at', 'is', null).execute();
  },
  touch: async (id, at) => {
    await db.updateTable('keys').set({ last_used_at: at }).where('id', '=', id).execute();
  },
  countActive: async (role, now) => {
    const { count } = await db
      .selectFrom('keys')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('role', '=', role)
      .where('tenant', 'is', null)
      .where('revoked_at', 'is', null)
      .where((eb) => eb.or([eb('expires_at', 'is', null), eb('expires_at', '>', now)]))
      .executeTakeFirstOrThrow();
    return count;
  },
});
