import type { DeviceFile } from '@drover/contract';
import type { DeviceFileRecord, DeviceFileRepository } from '../../../app/devices/files.js';
import type { DeviceFileRow } from '../schema-devices.js';
import type { Context } from './context.js';

const toFile = ({ path, mode, uid, gid, size, sha256, updated_at }: Omit<DeviceFileRow, 'content'>): DeviceFile => ({
  ...{ path, mode, uid, gid, size, sha256, updatedAt: updated_at },
});
const toRecord = (row: DeviceFileRow): DeviceFileRecord => ({
  ...toFile(row),
  content: Buffer.from(row.content, 'base64'),
});

/** Bytes are kept as base64: both databases have text alike. */
export const createDeviceFileRepository = ({ db }: Context): DeviceFileRepository => {
  const of = (device: string) => db.selectFrom('device_files').where('device', '=', device).orderBy('path');
  return {
    list: async (device) => {
      const rows = await of(device)
        .select(['device', 'path', 'mode', 'uid', 'gid', 'size', 'sha256', 'updated_at'])
        .execute();
      return rows.map(toFile);
    },
    all: async (device) => (await of(device).selectAll().execute()).map(toRecord),
    get: async (device, path) => {
      const row = await of(device).selectAll().where('path', '=', path).executeTakeFirst();
      return row && toRecord(row);
    },
    put: async (device, { content, updatedAt, ...file }) => {
      const row = { ...file, updated_at: updatedAt, content: Buffer.from(content).toString('base64') };
      await db
        .insertInto('device_files')
        .values({ device, ...row })
        .onConflict((conflict) => conflict.columns(['device', 'path']).doUpdateSet(row))
        .execute();
    },
    delete: async (device, path) => {
      const { numDeletedRows } = await db
        .deleteFrom('device_files')
        .where('device', '=', device)
        .where('path', '=', path)
        .executeTakeFirst();
      return numDeletedRows > 0n;
    },
    clear: async (device) => {
      await db.deleteFrom('device_files').where('device', '=', device).execute();
    },
  };
};
