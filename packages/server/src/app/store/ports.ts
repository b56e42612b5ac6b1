import type { BlobRepository } from '../blobs/ports.js';
import type { BuildRepository } from '../builds/records.js';
import type { BootLayerRepository, TrackRepository } from '../configs/ports.js';
import type { DeviceFileRepository } from '../devices/files.js';
import type { FirstBootRepository } from '../devices/first-boot.js';
import type { DeviceRepository } from '../devices/ports.js';
import type { RequestRepository } from '../devices/requests.js';
import type { BackupRepository } from '../disks/backup-records.js';
import type { DiskRepository } from '../disks/records.js';
import type { EventRepository } from '../events/ports.js';
import type { ImageRepository, UploadRepository } from '../images/ports.js';
import type { JobRepository } from '../jobs/ports.js';
import type { CardVersionRepository, SessionRepository } from '../boot/ports.js';
import type {
  AuditRepository,
  IdempotencyRepository,
  KeyRepository,
  TenantRepository,
  WebSessionRepository,
} from '../tenants/ports.js';

/** Small secrets of the installation (the boot key, those that sign for cards). */
export interface SettingRepository {
  get(name: string): Promise<string | undefined>;
  /** Stores the value unless there is one; returns the one that is there afterwards. */
  putIfAbsent(name: string, value: string): Promise<string>;
  /** Stores the value, whatever was there. */
  put(name: string, value: string): Promise<void>;
}

export interface Transaction {
  readonly tenants: TenantRepository;
  readonly keys: KeyRepository;
  readonly webSessions: WebSessionRepository;
  readonly audit: AuditRepository;
  readonly idempotency: IdempotencyRepository;
  readonly events: EventRepository;
  readonly jobs: JobRepository;
  readonly blobs: BlobRepository;
  readonly images: ImageRepository;
  readonly uploads: UploadRepository;
  readonly devices: DeviceRepository;
  readonly disks: DiskRepository;
  readonly backups: BackupRepository;
  readonly builds: BuildRepository;
  readonly bootLayers: BootLayerRepository;
  readonly tracks: TrackRepository;
  readonly sessions: SessionRepository;
  readonly cardVersions: CardVersionRepository;
  readonly requests: RequestRepository;
  readonly deviceFiles: DeviceFileRepository;
  readonly firstBoots: FirstBootRepository;
  readonly settings: SettingRepository;
}

/** More that is to happen in the transaction of a use case, with what it answers: how a request keeps its answer for a repeated idempotency key. */
export type Also<T> = (tx: Transaction, answer: T) => Promise<void>;

/** The one place of mutable state. Everything in `work` is committed together and durable when the promise resolves, or not at all. */
export interface Store {
  /**
   * Serialisable. Retries on a conflict, so `work` must have no effect outside the transaction, and waits for nothing but the database. A
   * transaction within a transaction is a fault.
   */
  transaction<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** One consistent snapshot to look at. Any change in it is a fault. */
  read<T>(work: (tx: Transaction) => Promise<T>): Promise<T>;
  /** Rejects when the database does not answer. */
  ping(): Promise<void>;
}
