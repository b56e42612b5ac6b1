import type { DiskBackup, Page } from '@drover/contract';

export type BackupChange = Partial<Pick<DiskBackup, 'size' | 'bytes' | 'sha256' | 'state' | 'job'>>;

export interface BackupRepository {
  insert(backup: DiskBackup): Promise<void>;
  get(id: string): Promise<DiskBackup | undefined>;
  /** Newest first. */
  list(
    filter: { readonly tenant?: string; readonly disk?: string },
    page: { limit: number; cursor?: string },
  ): Promise<Page<DiskBackup>>;
  /** Bytes of all files of a tenant that are known. */
  usage(tenant: string): Promise<number>;
  update(id: string, change: BackupChange): Promise<void>;
  delete(id: string): Promise<void>;
}
