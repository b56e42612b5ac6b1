import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** Who is logged in to the dashboard, by the sha256 of what the browser holds. */
export const webSessions = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable('web_sessions')
      .addColumn('hash', text, (c) => c.primaryKey())
      .addColumn('key', text, (c) => c.notNull().references('keys.id').onDelete('cascade'))
      .addColumn('created_at', text, (c) => c.notNull())
      .addColumn('expires_at', text, (c) => c.notNull())
      .execute();
    await db.schema.createIndex('web_sessions_key').on('web_sessions').column('key').execute();
    await db.schema.createIndex('web_sessions_expires').on('web_sessions').column('expires_at').execute();
  },
});
