import { sql, type SqlBool } from 'kysely';
import type { Derivative, ImageRecord, ImageRepository } from '../../../app/images/ports.js';
import { defined, fromJson, fromJsonOrNull, toJson, toJsonOrNull } from '../codec.js';
import { equals, ofTenant, olderThan, type Condition } from '../conditions.js';
import { newestPage } from '../pages.js';
import type { DerivativeRow, ImageRow } from '../schema.js';
import type { Context } from './context.js';

const toImage = (row: ImageRow): ImageRecord => ({
  id: row.id,
  tenant: row.tenant,
  name: row.name,
  version: row.version,
  state: row.state,
  stateReason: row.state_reason,
  digest: row.digest,
  size: row.size,
  facts: fromJsonOrNull(row.facts),
  job: row.job,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  revision: row.revision,
  source: fromJson(row.source),
});

const toRow = (image: ImageRecord): ImageRow => ({
  id: image.id,
  tenant: image.tenant,
  name: image.name,
  version: image.version,
  state: image.state,
  state_reason: image.stateReason,
  digest: image.digest,
  size: image.size,
  facts: toJsonOrNull(image.facts),
  job: image.job,
  created_at: image.createdAt,
  updated_at: image.updatedAt,
  revision: image.revision,
  source: toJson(image.source),
});

const toDerivative = (row: DerivativeRow): Derivative => ({
  image: row.image,
  kind: row.kind,
  variant: row.variant,
  blob: row.blob,
  size: row.size,
  recipe: row.recipe,
  createdAt: row.created_at,
});

/** A tenant sees its own images and the shared ones. */
const visibleTo = (tenant: string | null | undefined): Condition =>
  tenant == null ? ofTenant(tenant) : sql<SqlBool>`(tenant = ${tenant} or tenant is null)`;

type Part<K extends keyof ImageRepository> = Pick<ImageRepository, K>;

export const createImageRepository = (context: Context): ImageRepository => ({
  ...lookups(context),
  ...changes(context),
  ...derivatives(context),
});

const lookups = ({ db }: Context): Part<'get' | 'find' | 'list' | 'usedBy'> => ({
  get: async (id) => {
    const row = await db.selectFrom('images').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toImage(row);
  },
  find: async (tenant, name, version) => {
    const row = await db
      .selectFrom('images')
      .selectAll()
      .where(visibleTo(tenant ?? undefined))
      .where('name', '=', name)
      .where(equals('version', version))
      .$if(version === undefined, (query) => query.where('state', '=', 'ready'))
      .orderBy(sql`case when tenant is null then 1 else 0 end`)
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(1)
      .executeTakeFirst();
    return row && toImage(row);
  },
  list: async ({ tenant, name }, { limit, cursor }) => {
    const rows = await db
      .selectFrom('images')
      .selectAll()
      .where(visibleTo(tenant))
      .where(equals('name', name))
      .where(olderThan(cursor, 'created_at'))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return newestPage(rows, limit, toImage);
  },
  usedBy: async (id) => {
    const rows = await db.selectFrom('devices').select('name').where('image', '=', id).orderBy('name').execute();
    return rows.map((row) => row.name);
  },
});

const changes = ({ db }: Context): Part<'insert' | 'update' | 'delete'> => ({
  insert: async (image) => {
    const row = await db
      .insertInto('images')
      .values(toRow(image))
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  },
  update: async (id, revision, change) => {
    const columns = defined({
      state: change.state,
      state_reason: change.stateReason,
      digest: change.digest,
      size: change.size,
      facts: change.facts === undefined ? undefined : toJson(change.facts),
      job: change.job,
      updated_at: change.updatedAt,
    });
    const row = await db
      .updateTable('images')
      .set({ ...columns, revision: revision + 1 })
      .where('id', '=', id)
      .where('revision', '=', revision)
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  },
  delete: async (id) => {
    await db.deleteFrom('images').where('id', '=', id).execute();
  },
});

const derivatives = ({ db }: Context): Part<'derivative' | 'derivatives' | 'roots' | 'saveDerivative'> => ({
  derivative: async (image, kind, variant) => {
    const row = await db
      .selectFrom('derivatives')
      .selectAll()
      .where('image', '=', image)
      .where('kind', '=', kind)
      .where('variant', '=', variant)
      .executeTakeFirst();
    return row && toDerivative(row);
  },
  derivatives: async (image) => {
    const rows = await db
      .selectFrom('derivatives')
      .selectAll()
      .where('image', '=', image)
      .orderBy('kind')
      .orderBy('variant')
      .execute();
    return rows.map(toDerivative);
  },
  roots: async (tenant, digest) => {
    const rows = await db
      .selectFrom('derivatives')
      .selectAll()
      .where('kind', '=', 'root-squashfs')
      .where('blob', '=', digest)
      .where('image', 'in', db.selectFrom('images').select('id').where(visibleTo(tenant)))
      .orderBy('image')
      .execute();
    return rows.map(toDerivative);
  },
  saveDerivative: async (derivative) => {
    const made = {
      blob: derivative.blob,
      size: derivative.size,
      recipe: derivative.recipe,
      created_at: derivative.createdAt,
    };
    await db
      .insertInto('derivatives')
      .values({ image: derivative.image, kind: derivative.kind, variant: derivative.variant, ...made })
      .onConflict((conflict) => conflict.columns(['image', 'kind', 'variant']).doUpdateSet(made))
      .execute();
  },
});
