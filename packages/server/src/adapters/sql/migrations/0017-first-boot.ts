import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** First-boot settings of devices. */
export const firstBoot = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema
      .createTable('first_boots')
      .addColumn('device', text, (c) => c.primaryKey().references('devices.id').onDelete('cascade'))
      .addColumn('settings', text, (c) => c.notNull())
      .addColumn('warnings', text, (c) => c.notNull())
      .addColumn('updated_at', text, (c) => c.notNull())
      .execute();
  },
});
