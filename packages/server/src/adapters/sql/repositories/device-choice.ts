import type { Model } from '@drover/contract';
import { sql, type SqlBool } from 'kysely';
import type { DeviceRepository, FreeFilter } from '../../../app/devices/ports.js';
import { always, equals, ofTenant, type Condition } from '../conditions.js';
import type { Context } from './context.js';
import { complete, completeOne } from './device-records.js';

/** All of these labels. */
export const labelled = (labels: Readonly<Record<string, string>> | undefined): Condition => {
  const pairs = Object.entries(labels ?? {});
  if (pairs.length === 0) return always;
  const tests = pairs.map(
    ([key, value]) =>
      sql`exists (select 1 from device_labels l where l.device = devices.id and l.key = ${key} and l.value = ${value})`,
  );
  return sql<SqlBool>`(${sql.join(tests, sql` and `)})`;
};

const inPlace = (spread: FreeFilter['spread']): Condition => {
  if (spread === undefined) return always;
  const { label, value } = spread;
  return value === null
    ? sql<SqlBool>`not exists (select 1 from device_labels l where l.device = devices.id and l.key = ${label})`
    : labelled({ [label]: value });
};

const anyOf = (models: readonly Model[] | undefined): Condition => {
  if (models === undefined) return always;
  return models.length === 0 ? sql<SqlBool>`1 = 0` : sql<SqlBool>`model in (${sql.join(models)})`;
};

const enough = (memoryMiB: number | undefined): Condition =>
  memoryMiB === undefined ? always : sql<SqlBool>`memory_mib >= ${memoryMiB}`;

/** Available devices that fit. */
const free = ({ db }: Context, { tenant, labels, models, device, site, memoryMiB, spread }: FreeFilter) =>
  db
    .selectFrom('devices')
    .where('state', '=', 'available')
    .where(ofTenant(tenant ?? undefined))
    .where(equals('id', device))
    .where(equals('site', site))
    .where(enough(memoryMiB))
    .where(anyOf(models))
    .where(labelled(labels))
    .where(inPlace(spread));

/** Which device somebody gets, and which are to be given back. */
export const choice = (context: Context): Pick<DeviceRepository, 'claimAvailable' | 'spread' | 'leaseEnded'> => ({
  claimAvailable: async (filter) => {
    const first = free(context, filter).selectAll().orderBy('updated_at').orderBy('id').limit(1);
    const row = await context.traits.lockFree(first).executeTakeFirst();
    // None that nobody holds. One that is held may come free when its holder fails, so wait for that before saying there is none.
    return completeOne(context, row ?? (await context.traits.lock(first).executeTakeFirst()));
  },
  spread: async (filter, label) => {
    const values = await free(context, filter)
      .leftJoin('device_labels as own', (join) => join.onRef('own.device', '=', 'devices.id').on('own.key', '=', label))
      .select('own.value')
      .distinct()
      .execute();
    const busy = await context.db
      .selectFrom('devices')
      .innerJoin('device_labels as own', (join) =>
        join.onRef('own.device', '=', 'devices.id').on('own.key', '=', label),
      )
      .select(['own.value', (eb) => eb.fn.countAll<number>().as('count')])
      .where('image', 'is not', null)
      .where(ofTenant(filter.tenant ?? undefined))
      .groupBy('own.value')
      .execute();
    const assigned = new Map<string | null, number>(busy.map(({ value, count }) => [value, Number(count)]));
    const rank = (value: string | null): number => (value === null ? Infinity : (assigned.get(value) ?? 0));
    return values
      .map(({ value }) => value)
      .sort((a, b) => rank(a) - rank(b) || String(a).localeCompare(String(b), 'en'));
  },
  leaseEnded: async (at, limit) => {
    const rows = await context.db
      .selectFrom('devices')
      .selectAll()
      .where('lease_until', '<=', at)
      .where('state', '!=', 'releasing')
      .orderBy('lease_until')
      .orderBy('id')
      .limit(limit)
      .execute();
    return complete(context, rows);
  },
});
