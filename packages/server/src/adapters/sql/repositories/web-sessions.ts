import type { WebSessionRepository } from '../../../app/tenants/ports.js';
import type { Context } from './context.js';

export const createWebSessionRepository = ({ db }: Context): WebSessionRepository => ({
  insert: async ({ hash, key, createdAt, expiresAt }) => {
    await db.insertInto('web_sessions').values({ hash, key, created_at: createdAt, expires_at: expiresAt }).execute();
  },
  find: async (hash) => {
    const row = await db.selectFrom('web_sessions').selectAll().where('hash', '=', hash).executeTakeFirst();
    return row && { hash: row.hash, key: row.key, createdAt: row.created_at, expiresAt: row.expires_at };
  },
  delete: async (hash) => {
    await db.deleteFrom('web_sessions').where('hash', '=', hash).execute();
  },
  trim: async (key, keep) => {
    const kept = db
      .selectFrom('web_sessions')
      .select('hash')
      .where('key', '=', key)
      .orderBy('created_at', 'desc')
      .orderBy('hash')
      .limit(keep);
    const { numDeletedRows } = await db
      .deleteFrom('web_sessions')
      .where('key', '=', key)
      .where('hash', 'not in', kept)
      .executeTakeFirst();
    return Number(numDeletedRows);
  },
  prune: async (now) => {
    const { numDeletedRows } = await db.deleteFrom('web_sessions').where('expires_at', '<=', now).executeTakeFirst();
    return Number(numDeletedRows);
  },
});
