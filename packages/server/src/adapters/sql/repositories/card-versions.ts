import type { CardVersionRepository } from '../../../app/boot/ports.js';
import type { Context } from './context.js';

export const createCardVersionRepository = ({ db }: Context): CardVersionRepository => ({
  get: async (device) => {
    const row = await db
      .selectFrom('card_versions')
      .select(['version', 'digest'])
      .where('device', '=', device)
      .executeTakeFirst();
    return row && { version: Number(row.version), digest: row.digest };
  },
  put: async (device, { version, digest }, at) => {
    const said = { version, digest, changed_at: at };
    await db
      .insertInto('card_versions')
      .values({ device, ...said })
      .onConflict((conflict) => conflict.column('device').doUpdateSet(said))
      .execute();
  },
});
