import { sql, type SqlBool } from 'kysely';
import type { DiskAttachment, DiskSnapshot } from '@drover/contract';
import type { DiskRecord, DiskRepository } from '../../../app/disks/records.js';
import { defined } from '../codec.js';
import { always, equals, olderThan, type Condition } from '../conditions.js';
import { pageFrom } from '../pages.js';
import type { DiskAttachmentRow, DiskRow, DiskSnapshotRow } from '../schema.js';
import type { Context } from './context.js';

const toAttachment = ({ device, access, state, since }: DiskAttachmentRow): DiskAttachment => ({
  ...{ device, access, state, since },
});

/** `attached`: rows of any disks. */
const toDisk = (row: DiskRow, attached: readonly DiskAttachmentRow[]): DiskRecord => ({
  id: row.id,
  tenant: row.tenant,
  site: row.site,
  name: row.name,
  role: row.role,
  kind: row.kind,
  clone: row.clone,
  nfs: row.nfs,
  device: row.device,
  attachments: attached.filter(({ disk }) => disk === row.id).map(toAttachment),
  image: row.image,
  base: row.base,
  restoredFrom: row.restored_from,
  size: row.size,
  ownBytes: row.own_bytes,
  state: row.state,
  stateReason: row.state_reason,
  deleteAt: row.delete_at,
  job: row.job,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  revision: row.revision,
});

const toRow = (disk: DiskRecord): DiskRow => ({
  id: disk.id,
  tenant: disk.tenant,
  site: disk.site,
  name: disk.name,
  role: disk.role,
  kind: disk.kind,
  clone: disk.clone,
  nfs: disk.nfs,
  device: disk.device,
  image: disk.image,
  base: disk.base,
  restored_from: disk.restoredFrom,
  size: disk.size,
  own_bytes: disk.ownBytes,
  state: disk.state,
  state_reason: disk.stateReason,
  delete_at: disk.deleteAt,
  job: disk.job,
  created_at: disk.createdAt,
  updated_at: disk.updatedAt,
  revision: disk.revision,
});

const toSnapshot = (row: DiskSnapshotRow): DiskSnapshot => ({
  id: row.id,
  disk: row.disk,
  tenant: row.tenant,
  name: row.name,
  size: row.size,
  state: row.state,
  stateReason: row.state_reason,
  job: row.job,
  createdAt: row.created_at,
});

type Part<K extends keyof DiskRepository> = Pick<DiskRepository, K>;

export const createDiskRepository = (context: Context): DiskRepository => ({
  ...lookups(context),
  ...changes(context),
  ...attachments(context),
  ...snapshots(context),
});

/** Disks with who has them. */
const complete = async ({ db }: Context, rows: readonly DiskRow[]): Promise<DiskRecord[]> => {
  if (rows.length === 0) return [];
  const ids = rows.map(({ id }) => id);
  const query = db.selectFrom('disk_attachments').selectAll().where('disk', 'in', ids);
  const attached = await query.orderBy('since').orderBy('device').execute();
  return rows.map((row) => toDisk(row, attached));
};

const lookups = (
  context: Context,
): Part<'get' | 'find' | 'list' | 'attachedTo' | 'toDelete' | 'usage' | 'onBase' | 'restoring'> => {
  const { db } = context;
  const one = async (row: DiskRow | undefined): Promise<DiskRecord | undefined> =>
    row === undefined ? undefined : (await complete(context, [row]))[0];
  return {
    get: async (id) => one(await db.selectFrom('disks').selectAll().where('id', '=', id).executeTakeFirst()),
    find: async (tenant, name) => {
      const query = db.selectFrom('disks').selectAll().where('tenant', '=', tenant).where('name', '=', name);
      return one(await query.executeTakeFirst());
    },
    list: async ({ tenant, device, role }, { limit, cursor }) => {
      const rows = await db
        .selectFrom('disks')
        .selectAll()
        .where(equals('tenant', tenant))
        .where(hadBy(device))
        .where(equals('role', role))
        .where(olderThan(cursor, 'created_at'))
        .orderBy('created_at', 'desc')
        .orderBy('id', 'desc')
        .limit(limit + 1)
        .execute();
      const page = pageFrom(rows, limit, (row) => [row.created_at, row.id]);
      return { items: await complete(context, page.items), next: page.next };
    },
    attachedTo: async (device) => {
      const rows = await db
        .selectFrom('disks')
        .innerJoin('disk_attachments', 'disk_attachments.disk', 'disks.id')
        .selectAll('disks')
        .where('disk_attachments.device', '=', device)
        .orderBy('disk_attachments.since')
        .orderBy('disks.id')
        .execute();
      return complete(context, rows);
    },
    toDelete: async (before, limit) => {
      const query = db.selectFrom('disks').selectAll().where('delete_at', '<=', before).where('job', 'is', null);
      return complete(context, await query.orderBy('delete_at').limit(limit).execute());
    },
    usage: async (tenant) => {
      const row = await db
        .selectFrom('disks')
        .select([db.fn.count('id').as('disks'), db.fn.sum('size').as('bytes')])
        .where('tenant', '=', tenant)
        .executeTakeFirstOrThrow();
      return { disks: Number(row.disks), bytes: Number(row.bytes ?? 0) };
    },
    onBase: async (digest) => {
      const rows = await db.selectFrom('disks').select('name').where('base', '=', digest).orderBy('name').execute();
      return rows.map((row) => row.name);
    },
    restoring: async (backup) => {
      const query = db.selectFrom('disks').select(['name', 'job']).where('restored_from', '=', backup);
      return query.where('state', '=', 'creating').orderBy('name').execute();
    },
  };
};

/** A device has it, in whatever way. */
const hadBy = (device: string | undefined): Condition =>
  device === undefined
    ? always
    : sql<SqlBool>`(disks.device = ${device} or exists (select 1 from disk_attachments where disk = disks.id and disk_attachments.device = ${device}))`;

const attachments = ({ db }: Context): Part<'attach' | 'detach'> => ({
  attach: async (disk, { device, access, state, since }) => {
    await db
      .insertInto('disk_attachments')
      .values({ disk, device, access, state, since })
      .onConflict((conflict) => conflict.columns(['disk', 'device']).doUpdateSet({ access, state }))
      .execute();
  },
  detach: async (disk, device) => {
    await db.deleteFrom('disk_attachments').where('disk', '=', disk).where('device', '=', device).execute();
  },
});

const changes = ({ db }: Context): Part<'insert' | 'update' | 'delete'> => ({
  insert: async (disk) => {
    const row = await db
      .insertInto('disks')
      .values(toRow(disk))
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  },
  update: async (id, revision, change) => {
    if (change.name !== undefined && (await isTaken(db, id, change.name))) return false;
    const columns = defined({
      name: change.name,
      role: change.role,
      kind: change.kind,
      clone: change.clone,
      nfs: change.nfs,
      site: change.site,
      device: change.device,
      image: change.image,
      base: change.base,
      size: change.size,
      own_bytes: change.ownBytes,
      state: change.state,
      state_reason: change.stateReason,
      delete_at: change.deleteAt,
      job: change.job,
      updated_at: change.updatedAt,
    });
    const { numUpdatedRows } = await db
      .updateTable('disks')
      .set({ ...columns, revision: sql<number>`revision + 1` })
      .where('id', '=', id)
      .where('revision', '=', revision)
      .executeTakeFirst();
    return numUpdatedRows > 0n;
  },
  delete: async (id) => {
    await db.deleteFrom('disks').where('id', '=', id).execute();
  },
});

const isTaken = async (db: Context['db'], id: string, name: string): Promise<boolean> => {
  const row = await db
    .selectFrom('disks as own')
    .innerJoin('disks as other', 'other.tenant', 'own.tenant')
    .select('other.id')
    .where('own.id', '=', id)
    .where('other.id', '!=', id)
    .where('other.name', '=', name)
    .executeTakeFirst();
  return row !== undefined;
};

const snapshots = ({
  db,
}: Context): Part<'insertSnapshot' | 'snapshot' | 'snapshots' | 'updateSnapshot' | 'deleteSnapshot'> => ({
  insertSnapshot: async ({ stateReason, createdAt, ...snapshot }) => {
    const row = await db
      .insertInto('disk_snapshots')
      .values({ ...snapshot, state_reason: stateReason, created_at: createdAt })
      .onConflict((conflict) => conflict.doNothing())
      .returning('id')
      .executeTakeFirst();
    return row !== undefined;
  },
  snapshot: async (id) => {
    const row = await db.selectFrom('disk_snapshots').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toSnapshot(row);
  },
  snapshots: async (disk) => {
    const query = db.selectFrom('disk_snapshots').selectAll().where('disk', '=', disk);
    const rows = await query.orderBy('created_at').orderBy('id').execute();
    return rows.map(toSnapshot);
  },
  updateSnapshot: async (id, { size, state, stateReason, job }) => {
    const columns = defined({ size, state, state_reason: stateReason, job });
    if (Object.keys(columns).length === 0) return;
    await db.updateTable('disk_snapshots').set(columns).where('id', '=', id).execute();
  },
  deleteSnapshot: async (id) => {
    await db.deleteFrom('disk_snapshots').where('id', '=', id).execute();
  },
});
