import { success } from '@drover/contract';
import type { Backups } from '../../../../app/disks/backups.js';
import type { BytesHandlers, Handlers } from '../handlers.js';

export interface BackupUseCases {
  readonly backups: Backups;
}

type Operations = 'listBackups' | 'createBackup' | 'getBackup' | 'deleteBackup';

/** `getBackupContent` answers with bytes. */
export const backupHandlers = ({
  backups,
}: BackupUseCases): { handlers: Pick<Handlers, Operations>; bytes: Pick<BytesHandlers, 'getBackupContent'> } => ({
  handlers: {
    listBackups: async ({ principal }, { query }) => success(await backups.list(principal, query)),
    createBackup: ({ principal, also }, { params, body }) => backups.create(principal, params.ref, body, also),
    getBackup: ({ principal }, { params }) => backups.get(principal, params.id),
    deleteBackup: ({ principal }, { params }) => backups.remove(principal, params.id),
  },
  bytes: {
    getBackupContent: ({ principal }, { params }) => backups.content(principal, params.id),
  },
});
