import { sql, type SqlBool } from 'kysely';
import { deviceStates, refusal, RefusedError, type DeviceState, type Identity } from '@drover/contract';
import type { DeviceRepository } from '../../../app/devices/ports.js';
import { fromJson, toJson } from '../codec.js';
import { equals, ofTenant, olderThan, type Condition } from '../conditions.js';
import { mapPage, pageFrom } from '../pages.js';
import type { Context } from './context.js';
import { beats, inHealth } from './device-beats.js';
import { choice, labelled } from './device-choice.js';
import { powered } from './device-power.js';
import { complete, completeOne } from './device-records.js';
import { laterSeen, toDeviceColumns, toDeviceRow } from './device-rows.js';

type Part<K extends keyof DeviceRepository> = Pick<DeviceRepository, K>;

export const createDeviceRepository = (context: Context): DeviceRepository => ({
  ...lookups(context),
  ...lists(context),
  ...choice(context),
  ...powered(context),
  ...changes(context),
  ...beats(context),
  ...identities(context),
  ...secrets(context),
});

/** Own devices, and discovered ones of no tenant where wanted. */
const visibleTo = (tenant: string | null | undefined, discovered: boolean): Condition =>
  tenant == null || !discovered
    ? ofTenant(tenant)
    : sql<SqlBool>`(tenant = ${tenant} or (tenant is null and state = 'discovered'))`;

const lookups = (context: Context): Part<'get' | 'findByIdentity' | 'findByPrefixTail' | 'resolve' | 'nameTaken'> => ({
  get: async (id) =>
    completeOne(context, await context.db.selectFrom('devices').selectAll().where('id', '=', id).executeTakeFirst()),
  findByIdentity: async (site, kind, value) => {
    const row = await context.db
      .selectFrom('devices')
      .innerJoin('identities', 'identities.device', 'devices.id')
      .selectAll('devices')
      .where('identities.site', '=', site)
      .where('identities.kind', '=', kind)
      .where('identities.value', '=', value)
      .executeTakeFirst();
    return completeOne(context, row);
  },
  findByPrefixTail: async (site, tail) => {
    const rows = await context.db
      .selectFrom('devices')
      .innerJoin('identities', 'identities.device', 'devices.id')
      .selectAll('devices')
      .where('identities.site', '=', site)
      .where('identities.kind', '=', 'boot-prefix')
      .where(sql<SqlBool>`substr(identities.value, 3) = ${tail}`)
      .orderBy('devices.id')
      .limit(2)
      .execute();
    return complete(context, rows);
  },
  resolve: async (ref, tenant) => {
    const rows = await context.db
      .selectFrom('devices')
      .selectAll()
      .where(visibleTo(tenant, true))
      .where((eb) =>
        eb.or([
          eb('id', '=', ref),
          eb('name', '=', ref),
          eb(
            'id',
            'in',
            eb
              .selectFrom('identities')
              .select('identities.device')
              .where('identities.value', '=', ref.toLowerCase())
              .where('identities.kind', 'in', ['mac', 'serial', 'boot-prefix']),
          ),
        ]),
      )
      .orderBy(sql`case when id = ${ref} then 0 else 1 end`)
      .orderBy('created_at')
      .orderBy('id')
      .limit(2)
      .execute();
    const exact = rows.filter((row) => row.id === ref);
    return complete(context, exact.length > 0 ? exact : rows);
  },
  nameTaken: async (tenant, name) => {
    const row = await context.db
      .selectFrom('devices')
      .select('id')
      .where(ofTenant(tenant))
      .where('name', '=', name)
      .executeTakeFirst();
    return row !== undefined;
  },
});

const lists = (context: Context): Part<'list' | 'oldestDiscovered' | 'countByState'> => ({
  list: async (filter, { limit, cursor }) => {
    const rows = await context.db
      .selectFrom('devices')
      .selectAll()
      .where(visibleTo(filter.tenant, filter.discovered ?? false))
      .where(equals('state', filter.state))
      .where(equals('model', filter.model))
      .where(equals('site', filter.site))
      .where(equals('image', filter.image))
      .where(inHealth(filter.health))
      .where(labelled(filter.labels))
      .where(olderThan(cursor, 'created_at'))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    const page = pageFrom(rows, limit, (row) => [row.created_at, row.id]);
    const items = await complete(context, page.items);
    return mapPage({ items, next: page.next }, (item) => item);
  },
  oldestDiscovered: async (limit) => {
    const rows = await context.db
      .selectFrom('devices')
      .selectAll()
      .where('state', '=', 'discovered')
      .where('tenant', 'is', null)
      .orderBy(sql`coalesce(last_seen_at, created_at)`)
      .orderBy('id')
      .limit(limit)
      .execute();
    return complete(context, rows);
  },
  countByState: async () => {
    const rows = await context.db
      .selectFrom('devices')
      .select(['state', (eb) => eb.fn.countAll<number>().as('count')])
      .groupBy('state')
      .execute();
    const counts = Object.fromEntries(deviceStates.map((state) => [state, 0])) as Record<DeviceState, number>;
    for (const { state, count } of rows) counts[state] = count;
    return counts;
  },
});

const changes = (context: Context): Part<'insert' | 'update' | 'touch' | 'heard' | 'delete'> => ({
  insert: async (device) => {
    await context.db.insertInto('devices').values(toDeviceRow(device)).execute();
    await saveLabels(context, device.id, device.labels);
    for (const identity of device.identities) {
      const added = await addIdentity(context, device.id, device.site, identity);
      if (!added.ok) throw new RefusedError(heldBy(identity, added.heldBy));
    }
  },
  update: async (id, revision, change) => {
    const row = await context.db
      .updateTable('devices')
      .set({ ...toDeviceColumns(change), revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision)
      .returning('id')
      .executeTakeFirst();
    if (row === undefined) return false;
    if (change.labels !== undefined) {
      await context.db.deleteFrom('device_labels').where('device', '=', id).execute();
      await saveLabels(context, id, change.labels);
    }
    return true;
  },
  touch: async (id, { at, address, session }) => {
    if (at === undefined && address === undefined && session === undefined) return;
    await context.db
      .updateTable('devices')
      .set({
        ...(at === undefined ? {} : { last_seen_at: laterSeen(at) }),
        ...(address === undefined ? {} : { last_address: address }),
        ...(session === undefined ? {} : { last_session: session }),
      })
      .where('id', '=', id)
      .execute();
  },
  heard: async (session, at) => {
    await context.db
      .updateTable('devices')
      .set({ last_seen_at: at })
      .where('id', '=', (of) =>
        of
          .selectFrom('sessions')
          .select('device')
          .where('id', '=', session)
          .where('outcome', '<>', 'revoked')
          .where('nonce_hash', 'is not', null),
      )
      .where((is) => is.or([is('last_seen_at', 'is', null), is('last_seen_at', '<', at)]))
      .execute();
  },
  delete: async (id) => {
    await context.db.deleteFrom('devices').where('id', '=', id).execute();
  },
});

const saveLabels = async ({ db }: Context, device: string, labels: Record<string, string>): Promise<void> => {
  const rows = Object.entries(labels).map(([key, value]) => ({ device, key, value }));
  if (rows.length > 0) await db.insertInto('device_labels').values(rows).execute();
};

const heldBy = ({ kind, value }: Identity, device: string) =>
  refusal('device.identity-conflict', `${kind} ${value} belongs to the device ${device}`, {
    remedy: 'Use that device, or delete it first.',
    conflicts: [device],
  });

const addIdentity: (
  context: Context,
  device: string,
  site: string,
  identity: Identity,
) => ReturnType<DeviceRepository['addIdentity']> = async ({ db }, device, site, { kind, value }) => {
  await db
    .insertInto('identities')
    .values({ site, kind, value, device })
    .onConflict((conflict) => conflict.columns(['site', 'kind', 'value']).doNothing())
    .execute();
  const holder = await db
    .selectFrom('identities')
    .select('device')
    .where('site', '=', site)
    .where('kind', '=', kind)
    .where('value', '=', value)
    .executeTakeFirstOrThrow();
  return holder.device === device ? { ok: true } : { ok: false, heldBy: holder.device };
};

const identities = (context: Context): Part<'addIdentity' | 'removeIdentity' | 'absorb'> => ({
  addIdentity: async (device, site, identity) => addIdentity(context, device, site, identity),
  removeIdentity: async (site, { kind, value }) => {
    await context.db
      .deleteFrom('identities')
      .where('site', '=', site)
      .where('kind', '=', kind)
      .where('value', '=', value)
      .execute();
  },
  absorb: async (from, to) => {
    await context.db.updateTable('identities').set({ device: to }).where('device', '=', from).execute();
    await context.db.updateTable('sessions').set({ device: to }).where('device', '=', from).execute();
    await takeBootLayer(context, from, to);
    await context.db.deleteFrom('devices').where('id', '=', from).execute();
  },
});

/** The boot config of a device that becomes another one goes along, unless that one has its own. */
const takeBootLayer = async ({ db }: Context, from: string, to: string): Promise<void> => {
  const own = await db.selectFrom('boot_layers').select('id').where('device', '=', to).executeTakeFirst();
  if (own !== undefined) return;
  await db
    .updateTable('boot_layers')
    .set({ device: to, place: `device/${to}` })
    .where('device', '=', from)
    .execute();
};

const secrets = ({ db }: Context): Part<'secrets' | 'saveSecrets'> => ({
  secrets: async (device) => {
    const row = await db.selectFrom('device_secrets').selectAll().where('device', '=', device).executeTakeFirst();
    return row && { machineId: row.machine_id, sshHostKeys: fromJson(row.ssh_host_keys) };
  },
  saveSecrets: async (device, { machineId, sshHostKeys }) => {
    const made = { machine_id: machineId, ssh_host_keys: toJson(sshHostKeys) };
    await db
      .insertInto('device_secrets')
      .values({ device, ...made })
      .onConflict((conflict) => conflict.column('device').doUpdateSet(made))
      .execute();
  },
});
