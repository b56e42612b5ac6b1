import type { DiskBackup } from '@drover/contract';
import type { BackupRepository } from '../../../app/disks/backup-records.js';
import { defined } from '../codec.js';
import { equals, olderThan } from '../conditions.js';
import { newestPage } from '../pages.js';
import type { DiskBackupRow } from '../schema.js';
import type { Context } from './context.js';

const toBackup = (row: DiskBackupRow): DiskBackup => ({
  id: row.id,
  tenant: row.tenant,
  disk: row.disk,
  diskName: row.disk_name,
  format: row.format,
  size: row.size,
  bytes: row.bytes,
  sha256: row.digest,
  state: row.state,
  job: row.job,
  createdAt: row.created_at,
});

export const createBackupRepository = ({ db }: Context): BackupRepository => ({
  insert: async ({ diskName, sha256, createdAt, ...backup }) => {
    const row = { ...backup, disk_name: diskName, digest: sha256, created_at: createdAt };
    await db.insertInto('disk_backups').values(row).execute();
  },
  get: async (id) => {
    const row = await db.selectFrom('disk_backups').selectAll().where('id', '=', id).executeTakeFirst();
    return row && toBackup(row);
  },
  list: async ({ tenant, disk }, { limit, cursor }) => {
    const rows = await db
      .selectFrom('disk_backups')
      .selectAll()
      .where(equals('tenant', tenant))
      .where(equals('disk', disk))
      .where(olderThan(cursor, 'created_at'))
      .orderBy('created_at', 'desc')
      .orderBy('id', 'desc')
      .limit(limit + 1)
      .execute();
    return newestPage(rows, limit, toBackup);
  },
  usage: async (tenant) => {
    const row = await db
      .selectFrom('disk_backups')
      .select(db.fn.sum('bytes').as('bytes'))
      .where('tenant', '=', tenant)
      .executeTakeFirstOrThrow();
    return Number(row.bytes ?? 0);
  },
  update: async (id, { size, bytes, sha256, state, job }) => {
    const columns = defined({ size, bytes, digest: sha256, state, job });
    if (Object.keys(columns).length === 0) return;
    await db.updateTable('disk_backups').set(columns).where('id', '=', id).execute();
  },
  delete: async (id) => {
    await db.deleteFrom('disk_backups').where('id', '=', id).execute();
  },
});
