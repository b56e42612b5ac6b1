import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** What each self-updating card was told last: a number that only grows, and the digest of what it stands for. */
export const cardVersions = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable('card_versions')
      .addColumn('device', text, (c) => c.primaryKey().references('devices.id').onDelete('cascade'))
      .addColumn('version', 'bigint', (c) => c.notNull())
      .addColumn('digest', text, (c) => c.notNull())
      .addColumn('changed_at', text, (c) => c.notNull())
      .execute();
  },
});
