import { sql, type SqlBool } from 'kysely';
import type { IdempotencyRecord, IdempotencyRepository } from '../../../app/tenants/ports.js';
import type { Context } from './context.js';

export const createIdempotencyRepository = ({ db }: Context): IdempotencyRepository => {
  const find = async (scope: string, key: string): Promise<IdempotencyRecord | undefined> => {
    const row = await db
      .selectFrom('idempotency')
      .selectAll()
      .where('scope', '=', scope)
      .where('key', '=', key)
      .executeTakeFirst();
    return (
      row && {
        scope: row.scope,
        key: row.key,
        fingerprint: row.fingerprint,
        status: row.status,
        answer: row.answer,
        createdAt: row.created_at,
        owner: row.owner,
      }
    );
  };
  return {
    begin: async (record) => {
      const inserted = await db
        .insertInto('idempotency')
        .values({
          scope: record.scope,
          key: record.key,
          fingerprint: record.fingerprint,
          status: record.status,
          answer: record.answer,
          created_at: record.createdAt,
          owner: record.owner,
        })
        .onConflict((conflict) => conflict.columns(['scope', 'key']).doNothing())
        .returning('key')
        .executeTakeFirst();
      return inserted === undefined ? await find(record.scope, record.key) : undefined;
    },
    complete: async ({ scope, key, owner }, status, answer) => {
      const row = await db
        .updateTable('idempotency')
        .set({ status, answer })
        .where('scope', '=', scope)
        .where('key', '=', key)
        .where('owner', '=', owner)
        .returning('key')
        .executeTakeFirst();
      return row !== undefined;
    },
    forget: async ({ scope, key, owner }) => {
      await db
        .deleteFrom('idempotency')
        .where('scope', '=', scope)
        .where('key', '=', key)
        .where('owner', '=', owner)
        .execute();
    },
    forgetUnanswered: async (prefix) => {
      const { numDeletedRows } = await db
        .deleteFrom('idempotency')
        .where('answer', 'is', null)
        .where(sql<SqlBool>`substr(owner, 1, ${prefix.length}) = ${prefix}`)
        .executeTakeFirst();
      return Number(numDeletedRows);
    },
    prune: async (before) => {
      const { numDeletedRows } = await db.deleteFrom('idempotency').where('created_at', '<', before).executeTakeFirst();
      return Number(numDeletedRows);
    },
  };
};
