import type { BackupFormat, CloneMethod, DiskKind } from '@drover/contract';
import type { DiskView, Qcow2Disk, Qcow2Report } from '@drover/disk-image';

/** What a new disk shows before anything is written to it. */
export type DiskOrigin =
  | { readonly kind: 'empty' }
  /** A whole image, by the digest of its blob. */
  | { readonly kind: 'image'; readonly digest: string }
  /** A state of another disk. */
  | { readonly kind: 'snapshot'; readonly disk: string; readonly snapshot: string }
  /** The content of a backup, by the digest of its blob. It is copied. */
  | { readonly kind: 'backup'; readonly digest: string; readonly format: BackupFormat }
  /** The content of an upload. It is copied. */
  | { readonly kind: 'upload'; readonly upload: string; readonly format: BackupFormat };

/** What a file holds that a disk can be made of. */
export interface DiskContent {
  readonly format: BackupFormat;
  /** Bytes of the disk, whole sectors. */
  readonly size: number;
}

/** What the boot plane tells of a directory besides. */
export interface DirectoryReport {
  readonly clone: CloneMethod | null;
  /** `address:path`. */
  readonly nfs: string;
  readonly ownBytes: number | null;
}

export interface DiskPlan {
  /** Default `block`. */
  readonly kind?: DiskKind;
  readonly disk: string;
  /** Bytes, a multiple of 512 and at least those of the origin. */
  readonly size: number;
  readonly origin: DiskOrigin;
  /** Number of the image's root partition: it is to fill a disk which is, or becomes, larger than its image; a directory has its files. */
  readonly rootPartition?: number;
}

/** How the root's partition follows the size of its disk. */
export type RootGrowth =
  /** There is nothing to do. */
  | { readonly kind: 'none' }
  /** Bytes of the partition. */
  | { readonly kind: 'grown'; readonly partition: number; readonly before: number; readonly after: number }
  /** Not while the disk is in use. */
  | { readonly kind: 'later'; readonly partition: number }
  /** It cannot be done; `why` is a clause. */
  | { readonly kind: 'blocked'; readonly partition: number; readonly why: string };

export interface DiskSnapshotFacts {
  readonly id: string;
  /** Bytes of the disk when it was taken. */
  readonly size: number;
  /** RFC 3339. */
  readonly takenAt: string;
}

/** A disk as its files tell. */
export interface DiskFacts {
  readonly disk: string;
  /** Digest of the image below all of it. */
  readonly base: string | null;
  readonly snapshots: readonly DiskSnapshotFacts[];
  /** Frozen overlays below the one that is written to. */
  readonly depth: number;
  /** Bytes on the storage that go when the disk and its snapshots are deleted, as far as no other disk shares them. */
  readonly ownBytes: number;
}

/** A disk somebody uses. It stays open until all have let it go. */
export interface HeldDisk {
  readonly disk: Qcow2Disk;
  /** Digest of the image below all of it; null when there is none. */
  readonly base: string | null;
  /** Resolves when it is closed in order, should nobody else hold it. Doing it twice does nothing. */
  release(): Promise<void>;
}

/** An image somebody reads. */
export interface HeldImage {
  readonly view: DiskView;
  release(): Promise<void>;
}

/**
 * The disks of one server: overlays over images and over each other. All of it may be done while a board uses the disk, and may be repeated: a crash leaves
 * either the state before or the one after. Throws RefusedError: disk.not-found, disk.exists, disk.in-use, disk.broken, disk.invalid, snapshot.not-found,
 * blob.not-found, storage.full.
 */
export interface DiskPool {
  /** Takes milliseconds and next to no space, unless the content of a file is copied. Repeating it does nothing. */
  create(plan: DiskPlan, options?: FlattenProgress): Promise<void>;
  /**
   * Copies the state that was last flushed, or later, into a file of its own, which lies on nothing (see backupPath in the adapter). Repeating it does nothing
   * while the file is there. Should the disk lie on many states by then, it is flattened.
   */
  backup(disk: string, backup: string, format: BackupFormat, options: FlattenProgress): Promise<DiskContent>;
  /** Removes what a backup that is not wanted has left. Repeating it does nothing. */
  dropBackup(disk: string, backup: string): Promise<void>;
  hold(disk: string): Promise<HeldDisk>;
  /** An image by its digest. What many read is in memory once. */
  holdImage(digest: string): Promise<HeldImage>;
  list(): Promise<DiskFacts[]>;
  facts(disk: string): Promise<DiskFacts>;
  /** Keeps the state that was last flushed, or later. Repeating it does nothing. */
  snapshot(disk: string, snapshot: string): Promise<void>;
  /** What no disk and no snapshot needs any more goes. Repeating it does nothing. */
  forgetSnapshot(disk: string, snapshot: string): Promise<void>;
  /** Bytes. Grows only. */
  resize(disk: string, size: number): Promise<void>;
  /** Lets the partition that the disk was made for reach to its end. `evenInUse`: whoever has it open is known not to look at the table. Repeating it does nothing. */
  growRoot(disk: string, options?: { evenInUse?: boolean }): Promise<RootGrowth>;
  /** Copies what frozen overlays hold into the disk, so that it depends on its image alone. */
  flatten(disk: string, options: FlattenProgress): Promise<void>;
  /** Reads all tables of the disk's files; changes nothing. */
  check(disk: string): Promise<readonly DiskFileReport[]>;
  /** Refused while it is held, or while it has snapshots and `withSnapshots` is not said. Repeating it does nothing. */
  remove(disk: string, options?: { withSnapshots?: boolean }): Promise<void>;
  /** Closes everything in order, also what is held, and opens nothing more. */
  close(): Promise<void>;
}

export interface FlattenProgress {
  readonly signal: AbortSignal;
  readonly progress: (done: number, total: number) => void;
}

export interface DiskFileReport {
  /** File name below the pool's folder. */
  readonly file: string;
  /** Null: so damaged that no more can be said than `problem`. */
  readonly report: Qcow2Report | null;
  readonly problem: string | null;
}
