import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** When it was told that a board fell silent. Null again with its next heartbeat. */
export const silence = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    await db.schema.alterTable('devices').addColumn('beat_silent_at', text).execute();
  },
});
