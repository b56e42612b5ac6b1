import type { DeviceRepository } from '../../../app/devices/ports.js';
import type { Context } from './context.js';
import { complete, completeOne } from './device-records.js';
import { placeOf } from './power-columns.js';

/** Devices by what switches them. */
export const powered = (context: Context): Pick<DeviceRepository, 'findByPower' | 'powerUnproved'> => ({
  findByPower: async (supply) => {
    const row = await context.db
      .selectFrom('devices')
      .selectAll()
      .where('power_place', '=', placeOf(supply))
      .orderBy('id')
      .limit(1)
      .executeTakeFirst();
    return completeOne(context, row);
  },
  powerUnproved: async (limit) => {
    const rows = await context.db
      .selectFrom('devices')
      .selectAll()
      .where('power_proof_until', 'is not', null)
      .orderBy('power_proof_until')
      .orderBy('id')
      .limit(limit)
      .execute();
    return complete(context, rows);
  },
});
