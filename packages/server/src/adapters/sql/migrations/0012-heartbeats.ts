import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** The last heartbeat of each device, in its row: it moves with `last_seen_at`, in one UPDATE. None of what it changes each time has an index. */
export const heartbeats = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    for (const column of ['beat_session', 'beat_at', 'beat_due_at', 'beat_health', 'beat_said']) {
      await db.schema.alterTable('devices').addColumn(column, text).execute();
    }
    await db.schema.createIndex('devices_beat_session').on('devices').column('beat_session').execute();
  },
});
