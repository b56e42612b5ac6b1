import { sql, type SqlBool } from 'kysely';
import type { BuildFile } from '@drover/contract';
import type { BuildChange, BuildRecord, BuildRepository } from '../../../app/builds/records.js';
import { defined, fromBit, fromJson, fromJsonOrNull, toBit, toJson, toJsonOrNull } from '../codec.js';
import { always, equals, olderThan, type Condition } from '../conditions.js';
import { pageFrom } from '../pages.js';
import type { BuildFileRow, BuildRow } from '../schema.js';
import type { Context } from './context.js';

const toBuild = (row: BuildRow, files: readonly BuildFile[]): BuildRecord => ({
  id: row.id,
  tenant: row.tenant,
  recipe: row.recipe,
  source: fromJson(row.source),
  lock: row.lock_upload,
  trigger: row.trigger_kind,
  schedule: row.schedule,
  release: fromBit(row.release),
  publish: fromBit(row.publish),
  pinned: fromBit(row.pinned),
  state: row.state,
  image: row.image,
  imageId: row.image_id,
  unchanged: fromBit(row.unchanged),
  manifest: row.manifest,
  files: [...files],
  logBytes: row.log_bytes,
  job: row.job,
  error: fromJsonOrNull(row.error),
  createdAt: row.created_at,
  startedAt: row.started_at,
  endedAt: row.ended_at,
});

const toRow = (build: BuildRecord): BuildRow => ({
  id: build.id,
  tenant: build.tenant,
  recipe: build.recipe,
  source: toJson(build.source),
  lock_upload: build.lock,
  trigger_kind: build.trigger,
  schedule: build.schedule,
  release: toBit(build.release),
  publish: toBit(build.publish),
  pinned: toBit(build.pinned),
  state: build.state,
  image: build.image,
  image_id: build.imageId,
  unchanged: toBit(build.unchanged),
  manifest: build.manifest,
  log_bytes: build.logBytes,
  job: build.job,
  error: toJsonOrNull(build.error),
  created_at: build.createdAt,
  started_at: build.startedAt,
  ended_at: build.endedAt,
});

const bitOf = (value: boolean | undefined): number | undefined => (value === undefined ? undefined : toBit(value));

const columnsOf = (change: BuildChange) =>
  defined({
    state: change.state,
    image: change.image,
    image_id: change.imageId,
    unchanged: bitOf(change.unchanged),
    manifest: change.manifest,
    log_bytes: change.logBytes,
    job: change.job,
    error: change.error === undefined ? undefined : toJsonOrNull(change.error),
    started_at: change.startedAt,
    ended_at: change.endedAt,
    pinned: bitOf(change.pinned),
    publish: bitOf(change.publish),
  });

/** A tenant's own and those of the installation. */
const visibleTo = (tenant: string | undefined): Condition =>
  tenant === undefined ? always : sql<SqlBool>`(tenant = ${tenant} or tenant is null)`;

const finished = ['succeeded', 'failed', 'cancelled'] as const;
/** A cancelled build says nothing to those who look for images. */
const shown = ['succeeded', 'failed'] as const;

/** Builds with their files. */
const complete = async ({ db }: Context, rows: readonly BuildRow[]): Promise<BuildRecord[]> => {
  if (rows.length === 0) return [];
  const files: BuildFileRow[] = await db
    .selectFrom('build_files')
    .selectAll()
    .where(
      'build',
      'in',
      rows.map(({ id }) => id),
    )
    .orderBy('name')
    .execute();
  const filesOf = (id: string): BuildFile[] =>
    files.filter(({ build }) => build === id).map(({ name, digest, size }) => ({ name, sha256: digest, size }));
  return rows.map((row) => toBuild(row, filesOf(row.id)));
};

type Part<K extends keyof BuildRepository> = Pick<BuildRepository, K>;

export const createBuildRepository = (context: Context): BuildRepository => ({
  ...changes(context),
  ...lookups(context),
  ...schedules(context),
});

const changes = ({ db }: Context): Part<'insert' | 'update' | 'setFiles' | 'delete'> => ({
  insert: async (build) => {
    await db.insertInto('builds').values(toRow(build)).execute();
  },
  update: async (id, change) => {
    const columns = columnsOf(change);
    if (Object.keys(columns).length === 0) return;
    await db.updateTable('builds').set(columns).where('id', '=', id).execute();
  },
  setFiles: async (id, files) => {
    await db.deleteFrom('build_files').where('build', '=', id).execute();
    if (files.length === 0) return;
    const rows = files.map(({ name, sha256, size }) => ({ build: id, name, digest: sha256, size }));
    await db.insertInto('build_files').values(rows).execute();
  },
  delete: async (id) => {
    await db.deleteFrom('build_files').where('build', '=', id).execute();
    await db.deleteFrom('builds').where('id', '=', id).execute();
  },
});

const lookups = (context: Context): Part<'get' | 'list' | 'published' | 'ofImage'> => {
  const { db } = context;
  return {
    get: async (id) => {
      const rows = await db.selectFrom('builds').selectAll().where('id', '=', id).execute();
      return (await complete(context, rows))[0];
    },
    list: async ({ tenant, recipe, state }, { limit, cursor }) => {
      const rows = await db
        .selectFrom('builds')
        .selectAll()
        .where(visibleTo(tenant))
        .where(equals('recipe', recipe))
        .where(equals('state', state))
        .where(olderThan(cursor, 'created_at'))
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute();
      const page = pageFrom(rows, limit, (row) => [row.created_at, row.id]);
      return { items: await complete(context, page.items), next: page.next };
    },
    published: async (tenant, limit) => {
      const rows = await db
        .selectFrom('builds')
        .selectAll()
        .where('publish', '=', 1)
        .where('state', 'in', [...shown])
        .where(visibleTo(tenant))
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit)
        .execute();
      return complete(context, rows);
    },
    ofImage: async (imageId) => {
      const rows = await db.selectFrom('builds').select('id').where('image_id', '=', imageId).execute();
      return rows.map(({ id }) => id);
    },
  };
};

const schedules = (context: Context): Part<'unfinished' | 'lastOf' | 'ended'> => {
  const { db } = context;
  return {
    unfinished: async ({ schedule, recipe }) => {
      const rows = await db
        .selectFrom('builds')
        .selectAll()
        .where('schedule', '=', schedule)
        .where('recipe', '=', recipe)
        .where('state', 'in', ['queued', 'running'])
        .limit(1)
        .execute();
      return (await complete(context, rows))[0];
    },
    lastOf: async (schedule) => {
      const row = await db
        .selectFrom('builds')
        .select('created_at')
        .where('schedule', '=', schedule)
        .orderBy('created_at', 'desc')
        .limit(1)
        .executeTakeFirst();
      return row?.created_at;
    },
    ended: async ({ schedule, recipe }) => {
      const rows = await db
        .selectFrom('builds')
        .selectAll()
        .where('schedule', '=', schedule)
        .where('recipe', '=', recipe)
        .where('state', 'in', [...finished])
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .execute();
      return complete(context, rows);
    },
  };
};
