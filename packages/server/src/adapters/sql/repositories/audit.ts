import { sql, type SqlBool } from 'kysely';
import type { AuditEntry } from '@drover/contract';
import type { AuditRepository } from '../../../app/tenants/ports.js';
import { always, ofTenant } from '../conditions.js';
import { mapPage, pageFrom, readCursor } from '../pages.js';
import type { Context } from './context.js';

export const createAuditRepository = ({ db }: Context): AuditRepository => ({
  append: async (entry) => {
    await db
      .insertInto('audit')
      .values({
        at: entry.at,
        key: entry.key,
        key_name: entry.keyName,
        tenant: entry.tenant,
        operation: entry.operation,
        subject: entry.subject,
        outcome: entry.outcome,
        address: entry.address,
        request_id: entry.requestId,
      })
      .execute();
  },
  prune: async (before) => {
    const { numDeletedRows } = await db.deleteFrom('audit').where('at', '<', before).executeTakeFirst();
    return Number(numDeletedRows);
  },
  list: async ({ tenant }, { limit, cursor }) => {
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where(ofTenant(tenant))
      .where(cursor === undefined ? always : sql<SqlBool>`seq < ${readCursor(cursor, [0])[0]}`)
      .orderBy('seq', 'desc')
      .limit(limit + 1)
      .execute();
    return mapPage(
      pageFrom(rows, limit, (row) => [row.seq]),
      (row): AuditEntry => ({
        seq: row.seq,
        at: row.at,
        key: row.key,
        keyName: row.key_name,
        tenant: row.tenant,
        operation: row.operation,
        subject: row.subject,
        outcome: row.outcome,
        address: row.address,
        requestId: row.request_id,
      }),
    );
  },
});
