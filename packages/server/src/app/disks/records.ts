import type { Disk, DiskAttachment, DiskRole, DiskSnapshot, Page } from '@drover/contract';

export interface DiskRecord extends Omit<Disk, 'etag'> {
  /** Where its files are. */
  site: string;
  /** Digest of the image below it: kept as long as the disk is. */
  base: string | null;
  /** The backup it is made of: kept until that is done. */
  restoredFrom: string | null;
  /** Counts changes; the etag is made from it. */
  revision: number;
}

/** What disks have alike that nobody has made yet. `at`: RFC 3339. */
export const newDisk = (at: string) =>
  ({
    ...{ clone: null, nfs: null, attachments: [] as DiskAttachment[], ownBytes: null },
    ...{ state: 'creating', stateReason: null, deleteAt: null, job: null },
    ...{ createdAt: at, updatedAt: at, revision: 1 },
  }) as const satisfies Partial<DiskRecord>;

export interface DiskFilter {
  readonly tenant?: string;
  /** It is its system disk, or attached to it. */
  readonly device?: string;
  readonly role?: DiskRole;
}

export type DiskChange = Partial<
  Omit<DiskRecord, 'id' | 'tenant' | 'restoredFrom' | 'attachments' | 'createdAt' | 'revision'>
>;
export type SnapshotChange = Partial<Pick<DiskSnapshot, 'size' | 'state' | 'stateReason' | 'job'>>;

export interface DiskRepository {
  /** False when the tenant has a disk of that name. */
  insert(disk: DiskRecord): Promise<boolean>;
  get(id: string): Promise<DiskRecord | undefined>;
  find(tenant: string, name: string): Promise<DiskRecord | undefined>;
  /** Newest first. */
  list(filter: DiskFilter, page: { limit: number; cursor?: string }): Promise<Page<DiskRecord>>;
  /** False when it is gone or no longer at that revision, or when the new name is taken. */
  update(id: string, revision: number, change: DiskChange): Promise<boolean>;
  delete(id: string): Promise<void>;
  /** Notes who has a data disk, in place of what was noted of the same device. */
  attach(id: string, attachment: DiskAttachment): Promise<void>;
  detach(id: string, device: string): Promise<void>;
  /** Data disks that are attached to a device, oldest first. */
  attachedTo(device: string): Promise<DiskRecord[]>;
  /** Those whose time was over at that moment (RFC 3339) and that nothing is at work on, the longest first. */
  toDelete(before: string, limit: number): Promise<DiskRecord[]>;
  /** What a tenant has. */
  usage(tenant: string): Promise<{ disks: number; bytes: number }>;
  /** Names of disks that lie on those bytes. */
  onBase(digest: string): Promise<string[]>;
  /** Disks that are being made of a backup, with the jobs that make them. */
  restoring(backup: string): Promise<{ name: string; job: string | null }[]>;
  /** False when the disk has a snapshot of that name. */
  insertSnapshot(snapshot: DiskSnapshot): Promise<boolean>;
  snapshot(id: string): Promise<DiskSnapshot | undefined>;
  /** Of one disk, oldest first. */
  snapshots(disk: string): Promise<DiskSnapshot[]>;
  updateSnapshot(id: string, change: SnapshotChange): Promise<void>;
  deleteSnapshot(id: string): Promise<void>;
}
