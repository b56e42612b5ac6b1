import { sql, type Kysely, type SqlBool } from 'kysely';
import type { EventRepository, StoredEvent } from '../../../app/events/ports.js';
import { concerningTenants } from '../../../domain/tenancy.js';
import { fromJson, toJson } from '../codec.js';
import { equals, ofTenant, type Condition } from '../conditions.js';
import type { EventRow, Tables } from '../schema.js';
import type { Context } from './context.js';

const toEvent = (row: Omit<EventRow, 'id'> & { id: number }): StoredEvent => ({
  id: row.id,
  type: row.type,
  at: row.at,
  tenant: row.tenant,
  subject: row.subject,
  data: fromJson(row.data),
});

/** Its own events and those of no tenant that concern it. */
const visibleTo = (tenant: string | null | undefined): Condition =>
  tenant == null
    ? ofTenant(tenant)
    : sql<SqlBool>`(tenant = ${tenant} or (tenant is null and type in (${sql.join([...concerningTenants])})))`;

/** Committed events after `after`, in order: what the feed reads. */
export const eventsAfter = async (db: Kysely<Tables>, after: number, limit: number): Promise<StoredEvent[]> => {
  const rows = await db.selectFrom('events').selectAll().where('id', '>', after).orderBy('id').limit(limit).execute();
  return rows.map(toEvent);
};

export const lastEventId = async (db: Kysely<Tables>): Promise<number> => {
  const { last } = await db
    .selectFrom('events')
    .select((eb) => eb.fn.max<number | null>('id').as('last'))
    .executeTakeFirstOrThrow();
  return last ?? 0;
};

/**
 * Inserts what was appended. Called once, last in the transaction: on PostgreSQL it makes every other writer of events wait until we have committed,
 * so it must not take long.
 *
 * @returns the highest id, or undefined when there was nothing to insert.
 */
export const flushEvents = async ({ db, traits, pendingEvents }: Context): Promise<number | undefined> => {
  if (pendingEvents.length === 0) return undefined;
  const events = pendingEvents.splice(0);
  await traits.orderEvents(db);
  let last: number | undefined;
  for (const event of events) {
    const { id } = await db
      .insertInto('events')
      .values({
        type: event.type,
        at: event.at,
        tenant: event.tenant,
        subject: event.subject,
        data: toJson(event.data),
      })
      .returning('id')
      .executeTakeFirstOrThrow();
    last = id;
  }
  return last;
};

export const createEventRepository = ({ db, pendingEvents }: Context): EventRepository => ({
  append: async (event) => {
    pendingEvents.push(event);
  },
  list: async ({ after, before, newest = false, limit, tenant, type, subject }) => {
    const rows = await db
      .selectFrom('events')
      .selectAll()
      .where('id', '>', after)
      .$if(before !== undefined, (query) => query.where('id', '<', before ?? 0))
      .where(visibleTo(tenant))
      .where(equals('type', type))
      .where(equals('subject', subject))
      .orderBy('id', newest ? 'desc' : 'asc')
      .limit(limit)
      .execute();
    return rows.map(toEvent);
  },
  lastId: async () => lastEventId(db),
  prune: async (before) => {
    const { numDeletedRows } = await db.deleteFrom('events').where('at', '<', before).executeTakeFirst();
    return Number(numDeletedRows);
  },
});
