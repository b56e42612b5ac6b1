import { sql, type SqlBool } from 'kysely';
import type { AuditEntry } from '@drover/contract';
import type { AuditRepository } from '../../../app/tenants/ports.js';
import { always, equals, ofTenant } from '../conditions.js';
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
  list: async ({ tenant, key, operation, subject, since, until }, { limit, cursor }) => {
    const rows = await db
      .selectFrom('audit')
      .selectAll()
      .where(ofTenant(tenant))
      .where(key === undefined ? always : sql<SqlBool>`(key = ${key} or key_name = ${key})`)
      .where(equals('operation', operation))
      .where(equals('subject', subject))
      .where(since === undefined ? always : sql<SqlBool>`at >= ${since}`)
      .where(until === undefined ? always : sql<SqlBool>`at < ${until}`)
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
