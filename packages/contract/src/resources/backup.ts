import * as z from 'zod';
import { BackupId, DiskId, JobId, Name, Sha256, TenantId, Timestamp } from '../primitives.js';

/** `qcow2`: compact, on nothing else. `raw`: byte for byte what the board sees. */
export const backupFormats = ['qcow2', 'raw'] as const;
export const BackupFormat = z.enum(backupFormats);
export type BackupFormat = z.infer<typeof BackupFormat>;

/** The content of a disk at one moment, as a file of its own that does not go with the disk. */
export const DiskBackup = z.object({
  id: BackupId,
  tenant: TenantId,
  /** The disk it was made of, which may be gone, and what that was called then. */
  disk: DiskId,
  diskName: Name,
  format: BackupFormat,
  /** Bytes of the disk. */
  size: z.number().int(),
  /** Bytes of the file; null until they are known. */
  bytes: z.number().int().nullable(),
  /** Of the file; null until it is ready. */
  sha256: Sha256.nullable(),
  state: z.enum(['creating', 'ready']),
  /** The job that makes it. */
  job: JobId.nullable(),
  createdAt: Timestamp,
});
export type DiskBackup = z.infer<typeof DiskBackup>;

export const BackupCreate = z.object({ format: BackupFormat.default('qcow2') });
export type BackupCreate = z.infer<typeof BackupCreate>;
