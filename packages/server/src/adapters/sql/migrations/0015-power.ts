import type { Kysely, Migration } from 'kysely';
import type { Traits } from '../traits.js';

/** What switches a device, and what is known of that. `power_place` is driver and values as one text, for looking up whose place it is. */
export const power = ({ text }: Traits): Migration => ({
  up: async (db: Kysely<unknown>) => {
    const columns = ['driver', 'values', 'place', 'wanted', 'state', 'since', 'failure', 'acted_at', 'proof_until'];
    for (const column of columns) await db.schema.alterTable('devices').addColumn(`power_${column}`, text).execute();
    await db.schema.createIndex('devices_power_place').on('devices').column('power_place').execute();
    await db.schema.createIndex('devices_power_proof').on('devices').column('power_proof_until').execute();
  },
});
