import { DiskId, pageOf, PageQuery } from '../primitives.js';
import { BackupCreate, DiskBackup } from '../resources/backup.js';
import { byId, byRef, none, type Route } from './route.js';

export const backupsRoutes = {
  listBackups: {
    method: 'GET',
    path: '/backups',
    tag: 'disks',
    summary: 'Backups of disks, newest first',
    role: 'reader',
    query: PageQuery.extend({ disk: DiskId.optional() }),
    status: 200,
    answer: pageOf(DiskBackup),
  },
  createBackup: {
    method: 'POST',
    path: '/disks/{ref}/backups',
    tag: 'disks',
    summary: 'Copy the content of a disk as it is at one moment, also while it is in use',
    role: 'operator',
    params: byRef,
    body: BackupCreate,
    status: 202,
    answer: DiskBackup,
    idempotent: true,
  },
  getBackup: {
    method: 'GET',
    path: '/backups/{id}',
    tag: 'disks',
    summary: 'One backup by id',
    role: 'reader',
    params: byId,
    status: 200,
    answer: DiskBackup,
  },
  getBackupContent: {
    method: 'GET',
    path: '/backups/{id}/content',
    tag: 'disks',
    summary: 'The file of a backup; ranges let a broken download go on',
    role: 'operator',
    params: byId,
    status: 200,
    answer: none,
    streams: 'answer-bytes',
  },
  deleteBackup: {
    method: 'DELETE',
    path: '/backups/{id}',
    tag: 'disks',
    summary: 'Delete a backup',
    role: 'operator',
    params: byId,
    status: 204,
    answer: none,
  },
} as const satisfies Record<string, Route>;
