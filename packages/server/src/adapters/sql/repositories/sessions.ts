import { sql, type Selectable, type SqlBool } from 'kysely';
import type { TimelineItem } from '@drover/contract';
import type { SessionRecord, SessionRepository } from '../../../app/boot/ports.js';
import { isHearsay } from '../../../domain/sign-of-life.js';
import { defined, fromJson, fromJsonOrNull, toJson, toJsonOrNull } from '../codec.js';
import { always, equals, olderThan, type Condition } from '../conditions.js';
import { mapPage, pageFrom } from '../pages.js';
import type { SessionRow } from '../schema.js';
import type { Context } from './context.js';

const toSession = (row: Selectable<SessionRow>): SessionRecord => ({
  id: row.id,
  device: row.device,
  stage: row.stage,
  outcome: row.outcome,
  verdict: fromJsonOrNull(row.verdict),
  firmware: row.firmware,
  model: row.model,
  mac: row.mac,
  bootPrefix: row.boot_prefix,
  address: row.address,
  generation: row.generation,
  startedAt: row.started_at,
  upAt: row.up_at,
  endedAt: row.ended_at,
  bytes: row.bytes,
  nonceHash: row.nonce_hash,
  exchangedAt: row.exchanged_at,
  secretExpiresAt: row.secret_expires_at,
});

const toRow = (session: SessionRecord): SessionRow => ({
  id: session.id,
  device: session.device,
  stage: session.stage,
  outcome: session.outcome,
  verdict: toJsonOrNull(session.verdict),
  firmware: session.firmware,
  model: session.model,
  mac: session.mac,
  boot_prefix: session.bootPrefix,
  address: session.address,
  generation: session.generation,
  started_at: session.startedAt,
  up_at: session.upAt,
  ended_at: session.endedAt,
  bytes: session.bytes,
  nonce_hash: session.nonceHash,
  exchanged_at: session.exchangedAt,
  secret_expires_at: session.secretExpiresAt,
  last_entry_at: session.startedAt,
  entries: 0,
});

/** Sessions have the tenant of their device. */
const ofTenantsDevices = (tenant: string | null | undefined): Condition => {
  if (tenant === undefined) return always;
  const owned = tenant === null ? sql`d.tenant is null` : sql`d.tenant = ${tenant}`;
  return sql<SqlBool>`exists (select 1 from devices d where d.id = sessions.device and ${owned})`;
};

type Part<K extends keyof SessionRepository> = Pick<SessionRepository, K>;

export const createSessionRepository = (context: Context): SessionRepository => ({
  ...records(context),
  ...lists(context),
  ...timelines(context),
  ...leases(context),
});

const records = ({ db, traits }: Context): Part<'insert' | 'get' | 'getForUpdate' | 'update' | 'latestOf'> => ({
  insert: async (session) => {
    await db
      .insertInto('sessions')
      .values(toRow(session))
      .onConflict((conflict) => conflict.column('id').doNothing())
      .execute();
  },
  get: async (id) => {
    const row = await db.selectFrom('sessions').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toSession(row);
  },
  getForUpdate: async (id) => {
    const row = await traits.lock(db.selectFrom('sessions').selectAll().where('id', '=', id)).executeTakeFirst();
    return row && toSession(row);
  },
  update: async (id, change) => {
    const columns = defined({
      stage: change.stage,
      outcome: change.outcome,
      verdict: change.verdict === undefined ? undefined : toJsonOrNull(change.verdict),
      firmware: change.firmware,
      model: change.model,
      mac: change.mac,
      boot_prefix: change.bootPrefix,
      address: change.address,
      generation: change.generation,
      started_at: change.startedAt,
      up_at: change.upAt,
      ended_at: change.endedAt,
      bytes: change.bytes,
      nonce_hash: change.nonceHash,
      exchanged_at: change.exchangedAt,
      secret_expires_at: change.secretExpiresAt,
    });
    if (Object.keys(columns).length === 0) return;
    await db.updateTable('sessions').set(columns).where('id', '=', id).execute();
  },
  latestOf: async (device) => {
    const row = await db
      .selectFrom('sessions')
      .selectAll()
      .where('device', '=', device)
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row && toSession(row);
  },
});

const lists = ({ db }: Context): Part<'list' | 'countUnhealthy' | 'countRunning' | 'silentSince' | 'prune'> => ({
  list: async ({ tenant, device, outcome }, { limit, cursor }) => {
    const rows = await db
      .selectFrom('sessions')
      .selectAll()
      .where(ofTenantsDevices(tenant))
      .where(equals('device', device))
      .where(equals('outcome', outcome))
      .where(olderThan(cursor, 'started_at'))
      .orderBy('started_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return mapPage(
      pageFrom(rows, limit, (row) => [row.started_at, row.id]),
      toSession,
    );
  },
  countUnhealthy: async (device, since) => {
    const { count } = await db
      .selectFrom('sessions')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('device', '=', device)
      .where('started_at', '>=', since)
      .where('up_at', 'is', null)
      .executeTakeFirstOrThrow();
    return count;
  },
  countRunning: async () => {
    const { count } = await db
      .selectFrom('sessions')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('outcome', '=', 'running')
      .executeTakeFirstOrThrow();
    return count;
  },
  silentSince: async (before, limit) => {
    const rows = await db
      .selectFrom('sessions')
      .selectAll()
      .where('outcome', '=', 'running')
      .where('last_entry_at', '<', before)
      .orderBy('last_entry_at')
      .limit(limit)
      .execute();
    return rows.map(toSession);
  },
  prune: async (before) => {
    const { numDeletedRows } = await db
      .deleteFrom('sessions')
      .where('started_at', '<', before)
      .where('outcome', '!=', 'running')
      .executeTakeFirst();
    await db.deleteFrom('telemetry_batches').where('at', '<', before).execute();
    return Number(numDeletedRows);
  },
});

const timelines = ({ db }: Context): Part<'append' | 'timeline' | 'noteBatch'> => ({
  append: async (id, entries) => {
    if (entries.length === 0) return [];
    // A log that anybody can send keeps no boot from being lost.
    const latest = entries.reduce((at, entry) => (entry.at > at && !isHearsay(entry) ? entry.at : at), '');
    const session = await db
      .updateTable('sessions')
      .set({
        entries: sql<number>`entries + ${entries.length}`,
        last_entry_at: sql<string>`case when last_entry_at < ${latest} then ${latest} else last_entry_at end`,
      })
      .where('id', '=', id)
      .returning('entries')
      .executeTakeFirst();
    if (session === undefined) return [];
    const first = session.entries - entries.length + 1;
    const items: TimelineItem[] = entries.map((entry, i) => ({ seq: first + i, entry }));
    await db
      .insertInto('timeline')
      .values(items.map(({ seq, entry }) => ({ session: id, seq, entry: toJson(entry) })))
      .execute();
    return items;
  },
  timeline: async (id, after, limit) => {
    const rows = await db
      .selectFrom('timeline')
      .select(['seq', 'entry'])
      .where('session', '=', id)
      .where('seq', '>', after)
      .orderBy('seq')
      .limit(limit)
      .execute();
    return rows.map((row) => ({ seq: row.seq, entry: fromJson(row.entry) }));
  },
  noteBatch: async (batch, at) => {
    const row = await db
      .insertInto('telemetry_batches')
      .values({ batch, at })
      .onConflict((conflict) => conflict.column('batch').doNothing())
      .returning('batch')
      .executeTakeFirst();
    return row !== undefined;
  },
});

const leases = ({ db }: Context): Part<'leases' | 'saveLease'> => ({
  leases: async (site) => {
    const rows = await db.selectFrom('leases').selectAll().where('site', '=', site).orderBy('address').execute();
    return rows.map((row) => ({
      site: row.site,
      clientId: row.client_id,
      mac: row.mac,
      address: row.address,
      expiresAt: row.expires_at,
      state: row.state,
    }));
  },
  saveLease: async ({ site, clientId, mac, address, expiresAt, state }) => {
    // An address that went to another client leaves the one that had it.
    await db
      .deleteFrom('leases')
      .where('site', '=', site)
      .where('address', '=', address)
      .where('client_id', '!=', clientId)
      .execute();
    const lease = { mac, address, expires_at: expiresAt, state };
    await db
      .insertInto('leases')
      .values({ site, client_id: clientId, ...lease })
      .onConflict((conflict) => conflict.columns(['site', 'client_id']).doUpdateSet(lease))
      .execute();
  },
});
