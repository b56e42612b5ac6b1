import type { Selectable } from 'kysely';
import type { Identity } from '@drover/contract';
import type { DeviceRecord } from '../../../app/devices/ports.js';
import type { DeviceRow } from '../schema-devices.js';
import type { Context } from './context.js';
import { toDevice } from './device-rows.js';

type Row = Selectable<DeviceRow>;

/** Adds identities and labels to rows, keeping their order. */
export const complete = async ({ db }: Context, rows: readonly Row[]): Promise<DeviceRecord[]> => {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.id);
  const known = await db
    .selectFrom('identities')
    .selectAll()
    .where('device', 'in', ids)
    .orderBy('kind')
    .orderBy('value')
    .execute();
  const labelled = await db.selectFrom('device_labels').selectAll().where('device', 'in', ids).orderBy('key').execute();
  const identitiesOf = new Map<string, Identity[]>();
  for (const { device, kind, value } of known) {
    identitiesOf.set(device, [...(identitiesOf.get(device) ?? []), { kind, value }]);
  }
  const labelsOf = new Map<string, [string, string][]>();
  for (const { device, key, value } of labelled) {
    labelsOf.set(device, [...(labelsOf.get(device) ?? []), [key, value]]);
  }
  return rows.map((row) =>
    toDevice(row, identitiesOf.get(row.id) ?? [], Object.fromEntries(labelsOf.get(row.id) ?? [])),
  );
};

export const completeOne = async (context: Context, row: Row | undefined): Promise<DeviceRecord | undefined> =>
  row && (await complete(context, [row]))[0];
