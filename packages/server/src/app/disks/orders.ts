import type { BackupFormat, Refusal } from '@drover/contract';
import type { DirectoryReport, DiskContent, DiskFacts, DiskFileReport, DiskPlan, RootGrowth } from './pool.js';

/** What the control plane wants done to the disks of a site. The boot plane alone touches their files, so that a disk in use has one writer. */
export type DiskWork =
  | { readonly kind: 'create'; readonly plan: DiskPlan }
  | { readonly kind: 'snapshot'; readonly disk: string; readonly snapshot: string }
  | { readonly kind: 'forget-snapshot'; readonly disk: string; readonly snapshot: string }
  | { readonly kind: 'resize'; readonly disk: string; readonly size: number }
  | { readonly kind: 'flatten'; readonly disk: string }
  | { readonly kind: 'check'; readonly disk: string }
  /** The device may have it from now on. */
  | { readonly kind: 'attach'; readonly disk: string; readonly device: string }
  /** The device is to let go of it. `force`: its connections are cut. */
  | { readonly kind: 'detach'; readonly disk: string; readonly device: string; readonly force: boolean }
  | { readonly kind: 'remove'; readonly disk: string };

/** Copying a disk into a file, and removing what is left of that when it is not wanted any more. */
export type BackupWork =
  | { readonly kind: 'backup'; readonly disk: string; readonly backup: string; readonly format: BackupFormat }
  | { readonly kind: 'drop-backup'; readonly disk: string; readonly backup: string };

/** The way to boards is the boot plane's, and orders are what it is told. */
export type BoardWork =
  /** Whether the board answers just now. */
  | { readonly kind: 'challenge'; readonly device: string }
  /** What the device may have is other than it was: ask anew, so that the board is told. */
  | { readonly kind: 'refresh'; readonly device: string };

/** Stands until a report says that it is done; then, or when it is cancelled, it is no longer given out. Doing it twice is the same as doing it once. */
export interface DiskOrder {
  readonly id: string;
  readonly work: DiskWork | BackupWork | BoardWork;
}

/** Last word or progress on an order. */
export type DiskOrderReport =
  | { readonly order: string; readonly state: 'running'; readonly done: number; readonly total: number | null }
  | { readonly order: string; readonly state: 'done'; readonly result: DiskOrderResult }
  | { readonly order: string; readonly state: 'refused'; readonly refusal: Refusal };

export interface DiskOrderResult {
  /** The disk behind it; null when it is gone, or as it was. */
  readonly facts: DiskFacts | null;
  /** Of making a directory. */
  readonly directory?: DirectoryReport;
  /** Of making it and of making it larger. */
  readonly growth?: RootGrowth;
  /** Of a backup. */
  readonly content?: DiskContent;
  /** Of a challenge. */
  readonly isAlive?: boolean;
  /** Of a check. */
  readonly reports?: readonly DiskFileReport[];
}
