import type { FirstBootRepository } from '../../../app/devices/first-boot.js';
import { fromJson, toJson } from '../codec.js';
import type { Context } from './context.js';

export const createFirstBootRepository = ({ db }: Context): FirstBootRepository => ({
  get: async (device) => {
    const row = await db.selectFrom('first_boots').selectAll().where('device', '=', device).executeTakeFirst();
    return row && { settings: fromJson(row.settings), warnings: fromJson(row.warnings), updatedAt: row.updated_at };
  },
  put: async (device, { settings, warnings, updatedAt }) => {
    const row = { settings: toJson(settings), warnings: toJson(warnings), updated_at: updatedAt };
    await db
      .insertInto('first_boots')
      .values({ device, ...row })
      .onConflict((conflict) => conflict.column('device').doUpdateSet(row))
      .execute();
  },
  delete: async (device) => {
    const { numDeletedRows } = await db.deleteFrom('first_boots').where('device', '=', device).executeTakeFirst();
    return numDeletedRows > 0n;
  },
});
