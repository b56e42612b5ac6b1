import { sql, type SqlBool } from 'kysely';
import type { RequestRecord, RequestRepository } from '../../../app/devices/requests.js';
import { fromJson, toJson } from '../codec.js';
import { equals, olderThan } from '../conditions.js';
import { newestPage } from '../pages.js';
import type { ProvisionRequestRow } from '../schema-devices.js';
import type { Context } from './context.js';

const toRequest = (row: ProvisionRequestRow): RequestRecord => ({
  id: row.id,
  tenant: row.tenant,
  key: row.key_id,
  keyTenant: row.key_tenant,
  state: row.state,
  reason: row.reason,
  image: row.image,
  wish: row.wish,
  wanted: fromJson(row.wanted),
  device: row.device,
  createdAt: row.created_at,
  waitsUntil: row.waits_until,
  endedAt: row.ended_at,
});

const toRow = (request: RequestRecord): ProvisionRequestRow => ({
  id: request.id,
  tenant: request.tenant,
  key_id: request.key,
  key_tenant: request.keyTenant,
  state: request.state,
  reason: request.reason,
  image: request.image,
  wish: request.wish,
  wanted: toJson(request.wanted),
  device: request.device,
  created_at: request.createdAt,
  waits_until: request.waitsUntil,
  ended_at: request.endedAt,
});

export const createRequestRepository = ({ db }: Context): RequestRepository => {
  const waiting = () => db.selectFrom('provision_requests').where('state', '=', 'waiting');
  return {
    insert: async (request) => {
      await db.insertInto('provision_requests').values(toRow(request)).execute();
    },
    get: async (id) => {
      const row = await db.selectFrom('provision_requests').selectAll().where('id', '=', id).executeTakeFirst();
      return row && toRequest(row);
    },
    list: async ({ tenant, state }, { limit, cursor }) => {
      const rows = await db
        .selectFrom('provision_requests')
        .selectAll()
        .where(equals('tenant', tenant))
        .where(equals('state', state))
        .where(olderThan(cursor, 'created_at'))
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute();
      return newestPage(rows, limit, toRequest);
    },
    waiting: async (tenant, limit) => {
      const rows = await waiting()
        .selectAll()
        .where('tenant', '=', tenant)
        .orderBy('created_at')
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(toRequest);
    },
    before: async ({ id, tenant, createdAt }) => {
      const row = await waiting()
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('tenant', '=', tenant)
        .where(sql<SqlBool>`(created_at, id) < (${createdAt}, ${id})`)
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
    tenantsWaiting: async () => {
      const rows = await waiting().select('tenant').distinct().orderBy('tenant').execute();
      return rows.map(({ tenant }) => tenant);
    },
    overdue: async (at, limit) => {
      const rows = await waiting()
        .selectAll()
        .where('waits_until', '<=', at)
        .orderBy('waits_until')
        .orderBy('id')
        .limit(limit)
        .execute();
      return rows.map(toRequest);
    },
    end: async (id, { state, device, reason, endedAt }) => {
      const row = await db
        .updateTable('provision_requests')
        .set({ state, device, reason, ended_at: endedAt })
        .where('id', '=', id)
        .where('state', '=', 'waiting')
        .returning('id')
        .executeTakeFirst();
      return row !== undefined;
    },
    prune: async (before) => {
      const gone = await db.deleteFrom('provision_requests').where('ended_at', '<', before).returning('id').execute();
      return gone.length;
    },
  };
};
