import type { Selectable } from 'kysely';
import type { BootLayerVersion } from '@drover/contract';
import type { BootLayerRecord, BootLayerRepository } from '../../../app/configs/ports.js';
import { fromBit, fromJsonOrNull, toBit, toJsonOrNull } from '../codec.js';
import { equals, olderThan } from '../conditions.js';
import { mapPage, newestPage, pageFrom, readCursor } from '../pages.js';
import type { BootLayerRow, BootLayerVersionRow } from '../schema-configs.js';
import type { Context } from './context.js';

const toLayer = (row: Selectable<BootLayerRow>): BootLayerRecord => ({
  id: row.id,
  tenant: row.tenant,
  kind: row.kind,
  place: row.place,
  device: row.device,
  selector: row.selector,
  key: row.key,
  card: row.card,
  priority: row.priority,
  inherits: fromBit(row.inherits),
  version: row.version,
  document: fromJsonOrNull(row.document),
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

const toRow = (layer: BootLayerRecord): BootLayerRow => ({
  id: layer.id,
  tenant: layer.tenant,
  kind: layer.kind,
  place: layer.place,
  device: layer.device,
  selector: layer.selector,
  key: layer.key,
  card: layer.card,
  priority: layer.priority,
  inherits: toBit(layer.inherits),
  version: layer.version,
  document: toJsonOrNull(layer.document),
  image: layer.document?.image ?? null,
  created_at: layer.createdAt,
  updated_at: layer.updatedAt,
});

const toVersion = (row: Selectable<BootLayerVersionRow>): BootLayerVersion => ({
  version: row.version,
  document: fromJsonOrNull(row.document),
  inherits: fromBit(row.inherits),
  priority: row.priority,
  at: row.at,
  author: row.author,
  reason: row.reason,
});

type Part<K extends keyof BootLayerRepository> = Pick<BootLayerRepository, K>;

export const createBootLayerRepository = (context: Context): BootLayerRepository => ({
  ...lookups(context),
  ...lists(context),
  ...counts(context),
  ...versions(context),
});

const lookups = ({ db }: Context): Part<'get' | 'find' | 'speaking'> => ({
  get: async (id) => {
    const row = await db.selectFrom('boot_layers').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toLayer(row);
  },
  find: async (tenant, place) => {
    const row = await db
      .selectFrom('boot_layers')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('place', '=', place)
      .executeTakeFirst();
    return row && toLayer(row);
  },
  speaking: async (tenant, places) => {
    const rows = await db
      .selectFrom('boot_layers')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('place', 'in', [...places])
      .where('document', 'is not', null)
      .execute();
    return rows.map(toLayer);
  },
});

const lists = ({ db }: Context): Part<'list' | 'groups'> => ({
  list: async ({ tenant, kind }, { limit, cursor }) => {
    const rows = await db
      .selectFrom('boot_layers')
      .selectAll()
      .where(equals('tenant', tenant))
      .where(equals('kind', kind))
      .where('document', 'is not', null)
      .where(olderThan(cursor, 'created_at'))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return newestPage(rows, limit, toLayer);
  },
  groups: async (tenant) => {
    const rows = await db
      .selectFrom('boot_layers')
      .selectAll()
      .where('tenant', '=', tenant)
      .where('kind', '=', 'group')
      .where('document', 'is not', null)
      .execute();
    return rows.map(toLayer);
  },
});

const counts = ({ db }: Context): Part<'countCards' | 'countGroups' | 'namingImage'> => ({
  countCards: async (key) => {
    const { count } = await db
      .selectFrom('boot_layers')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('key', '=', key)
      .executeTakeFirstOrThrow();
    return count;
  },
  namingImage: async (tenant, refs) => {
    const rows = await db
      .selectFrom('boot_layers')
      .selectAll()
      .where('image', 'in', [...refs])
      .where(equals('tenant', tenant))
      .execute();
    return rows.map(toLayer);
  },
  countGroups: async (tenant) => {
    const { count } = await db
      .selectFrom('boot_layers')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('tenant', '=', tenant)
      .where('kind', '=', 'group')
      .executeTakeFirstOrThrow();
    return count;
  },
});

const versions = ({ db }: Context): Part<'save' | 'versions' | 'version'> => ({
  save: async (layer, version, keep) => {
    const { id, tenant: _tenant, place: _place, created_at: _made, ...changed } = toRow(layer);
    await db
      .insertInto('boot_layers')
      .values(toRow(layer))
      .onConflict((conflict) => conflict.column('id').doUpdateSet(changed))
      .execute();
    await db
      .insertInto('boot_layer_versions')
      .values({
        layer: id,
        version: version.version,
        document: toJsonOrNull(version.document),
        inherits: toBit(version.inherits),
        priority: version.priority,
        at: version.at,
        author: version.author,
        reason: version.reason,
      })
      .execute();
    await db
      .deleteFrom('boot_layer_versions')
      .where('layer', '=', id)
      .where('version', '<=', version.version - keep)
      .execute();
  },
  versions: async (layer, { limit, cursor }) => {
    const [before] = cursor === undefined ? [Number.MAX_SAFE_INTEGER] : readCursor(cursor, [0]);
    const rows = await db
      .selectFrom('boot_layer_versions')
      .selectAll()
      .where('layer', '=', layer)
      .$if(cursor !== undefined, (query) => query.where('version', '<', before ?? 0))
      .orderBy('version', 'desc')
      .limit(limit + 1)
      .execute();
    return mapPage(
      pageFrom(rows, limit, (row) => [row.version]),
      toVersion,
    );
  },
  version: async (layer, version) => {
    const row = await db
      .selectFrom('boot_layer_versions')
      .selectAll()
      .where('layer', '=', layer)
      .where('version', '=', version)
      .executeTakeFirst();
    return row && toVersion(row);
  },
});
