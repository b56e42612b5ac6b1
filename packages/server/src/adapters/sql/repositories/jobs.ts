import { sql, type SqlBool } from 'kysely';
import type { JobKind } from '@drover/contract';
import type { JobRecord, JobRepository } from '../../../app/jobs/ports.js';
import { fromBit, fromJson, fromJsonOrNull, toBit, toJson, toJsonOrNull } from '../codec.js';
import { equals, ofTenant, olderThan } from '../conditions.js';
import { newestPage } from '../pages.js';
import type { JobRow } from '../schema.js';
import type { Context } from './context.js';

const toJob = (row: JobRow): JobRecord => ({
  id: row.id,
  tenant: row.tenant,
  kind: row.kind,
  subject: row.subject,
  state: row.state,
  progress: fromJsonOrNull(row.progress),
  attempts: row.attempts,
  stalls: row.stalls,
  cancelRequested: fromBit(row.cancel_requested),
  error: fromJsonOrNull(row.error),
  result: fromJsonOrNull(row.result),
  createdAt: row.created_at,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  input: fromJson(row.input),
  checkpoint: fromJson(row.checkpoint),
  leaseOwner: row.lease_owner,
  leaseUntil: row.lease_until,
  notBefore: row.not_before,
});

const toRow = (job: JobRecord): JobRow => ({
  id: job.id,
  tenant: job.tenant,
  kind: job.kind,
  subject: job.subject,
  state: job.state,
  progress: toJsonOrNull(job.progress),
  attempts: job.attempts,
  stalls: job.stalls,
  cancel_requested: toBit(job.cancelRequested),
  error: toJsonOrNull(job.error),
  result: toJsonOrNull(job.result),
  created_at: job.createdAt,
  started_at: job.startedAt,
  ended_at: job.endedAt,
  input: toJson(job.input),
  checkpoint: toJson(job.checkpoint),
  lease_owner: job.leaseOwner,
  lease_until: job.leaseUntil,
  not_before: job.notBefore,
});

const unleased = { lease_owner: null, lease_until: null } as const;

type Part<K extends keyof JobRepository> = Pick<JobRepository, K>;

export const createJobRepository = (context: Context): JobRepository => ({
  ...records(context),
  ...leases(context),
  ...endings(context),
});

const records = ({
  db,
}: Context): Part<'insert' | 'get' | 'list' | 'unfinished' | 'countUnfinished' | 'requestCancel' | 'prune'> => ({
  insert: async (job) => {
    await db.insertInto('jobs').values(toRow(job)).execute();
  },
  get: async (id) => {
    const row = await db.selectFrom('jobs').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toJob(row);
  },
  list: async ({ tenant, state, kind, subject }, { limit, cursor }) => {
    const rows = await db
      .selectFrom('jobs')
      .selectAll()
      .where(ofTenant(tenant))
      .where(equals('state', state))
      .where(equals('kind', kind))
      .where(equals('subject', subject))
      .where(olderThan(cursor, 'created_at'))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return newestPage(rows, limit, toJob);
  },
  unfinished: async (kind: JobKind, subject) => {
    const row = await db
      .selectFrom('jobs')
      .selectAll()
      .where('kind', '=', kind)
      .where(subject === null ? sql<SqlBool>`subject is null` : equals('subject', subject))
      .where('state', 'in', ['queued', 'running'])
      .orderBy('created_at')
      .limit(1)
      .executeTakeFirst();
    return row && toJob(row);
  },
  countUnfinished: async () => {
    const rows = await db
      .selectFrom('jobs')
      .select(['state', (eb) => eb.fn.countAll<number>().as('count')])
      .where('state', 'in', ['queued', 'running'])
      .groupBy('state')
      .execute();
    const count = (wanted: string): number => rows.find(({ state }) => state === wanted)?.count ?? 0;
    return { queued: count('queued'), running: count('running') };
  },
  requestCancel: async (id) => {
    await db
      .updateTable('jobs')
      .set({ cancel_requested: 1, not_before: 0 })
      .where('id', '=', id)
      .where('state', 'in', ['queued', 'running'])
      .execute();
  },
  prune: async (before) => {
    const { numDeletedRows } = await db.deleteFrom('jobs').where('ended_at', '<', before).executeTakeFirst();
    return Number(numDeletedRows);
  },
});

const leases = ({ db, traits }: Context): Part<'claim' | 'renew' | 'saveCheckpoint' | 'takeBack'> => ({
  claim: async (kinds, owner, now, leaseMs) => {
    if (kinds.length === 0) return undefined;
    const free = await traits
      .lockFree(
        db
          .selectFrom('jobs')
          .selectAll()
          .where('kind', 'in', [...kinds])
          .where((eb) =>
            eb.or([
              eb.and([eb('state', '=', 'queued'), eb('not_before', '<=', now)]),
              eb.and([eb('state', '=', 'running'), eb('lease_until', '<', now)]),
            ]),
          )
          .orderBy('created_at')
          .orderBy('id')
          .limit(1),
      )
      .executeTakeFirst();
    if (free === undefined) return undefined;
    const row = await db
      .updateTable('jobs')
      .set({
        state: 'running',
        attempts: free.attempts + 1,
        stalls: free.stalls + 1,
        lease_owner: owner,
        lease_until: now + leaseMs,
        started_at: free.started_at ?? new Date(now).toISOString(),
      })
      .where('id', '=', free.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    return toJob(row);
  },
  renew: async (id, owner, leaseUntil, progress) => {
    const row = await db
      .updateTable('jobs')
      .set({ lease_until: leaseUntil, ...(progress === null ? {} : { progress: toJson(progress) }) })
      .where('id', '=', id)
      .where('lease_owner', '=', owner)
      .where('state', '=', 'running')
      .returning('cancel_requested')
      .executeTakeFirst();
    return { held: row !== undefined, cancelRequested: row !== undefined && fromBit(row.cancel_requested) };
  },
  saveCheckpoint: async (id, owner, checkpoint) => {
    const next = toJson(checkpoint);
    const row = await db
      .updateTable('jobs')
      .set({ checkpoint: next, stalls: sql<number>`case when checkpoint = ${next} then stalls else 0 end` })
      .where('id', '=', id)
      .where('lease_owner', '=', owner)
      .where('state', '=', 'running')
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  },
  takeBack: async (prefix) => {
    const { numUpdatedRows } = await db
      .updateTable('jobs')
      .set({ lease_until: 0 })
      .where('state', '=', 'running')
      .where(sql<SqlBool>`substr(lease_owner, 1, ${prefix.length}) = ${prefix}`)
      .executeTakeFirst();
    return Number(numUpdatedRows);
  },
});

const endings = ({ db }: Context): Part<'finish' | 'requeue'> => ({
  finish: async (id, owner, { state, at, error, result }) => {
    const row = await db
      .updateTable('jobs')
      .set({ state, ended_at: at, error: toJsonOrNull(error), result: toJsonOrNull(result), ...unleased })
      .where('id', '=', id)
      .where('lease_owner', '=', owner)
      .where('state', '=', 'running')
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  },
  requeue: async (id, owner, notBefore, stalled) => {
    const row = await db
      .updateTable('jobs')
      .set({ state: 'queued', not_before: notBefore, ...unleased })
      .$if(!stalled, (query) => query.set({ stalls: sql<number>`case when stalls > 0 then stalls - 1 else 0 end` }))
      .where('id', '=', id)
      .where('lease_owner', '=', owner)
      .where('state', '=', 'running')
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  },
});
