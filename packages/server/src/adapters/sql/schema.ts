import type { Generated } from 'kysely';
import type {
  BackupFormat,
  BuildFileName,
  BuildTrigger,
  DiskAccess,
  DiskAttachment,
  DiskBackup,
  CloneMethod,
  DiskKind,
  DiskRole,
  DiskState,
  EventType,
  FirmwareKind,
  ImageState,
  JobKind,
  JobState,
  Model,
  Role,
  SessionOutcome,
  SessionStage,
} from '@drover/contract';
import type {
  DeviceFileRow,
  DeviceLabelRow,
  DeviceRow,
  DeviceSecretRow,
  FirstBootRow,
  IdentityRow,
  ProvisionRequestRow,
} from './schema-devices.js';
import type { BootLayerRow, BootLayerVersionRow, TrackChunkRow, TrackedCardRow } from './schema-configs.js';

/**
 * The tables as both databases hold them. Moments are RFC 3339 text in UTC with milliseconds, which sorts as time does; `*_until` and other moments
 * that are compared with a clock are milliseconds since the epoch. JSON is text. Booleans are 0 and 1. Sizes are 64-bit integers, read back as numbers.
 */
export interface Tables {
  tenants: TenantRow;
  keys: KeyRow;
  audit: AuditRow;
  idempotency: IdempotencyRow;
  events: EventRow;
  jobs: JobRow;
  blobs: BlobRow;
  images: ImageRow;
  derivatives: DerivativeRow;
  uploads: UploadRow;
  disks: DiskRow;
  disk_attachments: DiskAttachmentRow;
  disk_snapshots: DiskSnapshotRow;
  disk_backups: DiskBackupRow;
  builds: BuildRow;
  build_files: BuildFileRow;
  devices: DeviceRow;
  identities: IdentityRow;
  device_labels: DeviceLabelRow;
  device_secrets: DeviceSecretRow;
  sessions: SessionRow;
  timeline: TimelineRow;
  telemetry_batches: TelemetryBatchRow;
  leases: LeaseRow;
  settings: SettingRow;
  boot_layers: BootLayerRow;
  boot_layer_versions: BootLayerVersionRow;
  tracked_cards: TrackedCardRow;
  track_chunks: TrackChunkRow;
  card_versions: CardVersionRow;
  provision_requests: ProvisionRequestRow;
  device_files: DeviceFileRow;
  first_boots: FirstBootRow;
  web_sessions: WebSessionRow;
}

/** JSON kept as text. */
export type Json = string;
/** 0 or 1. */
export type Bit = number;

export interface TenantRow {
  id: string;
  name: string;
  quota_disks: number | null;
  quota_disk_bytes: number | null;
  quota_backup_bytes: number | null;
  created_at: string;
}

export interface KeyRow {
  id: string;
  tenant: string | null;
  name: string;
  role: Role;
  hint: string;
  hash: string;
  created_at: string;
  expires_at: string | null;
  revoked_at: string | null;
  last_used_at: string | null;
}

export interface WebSessionRow {
  hash: string;
  key: string;
  created_at: string;
  expires_at: string;
}

export interface AuditRow {
  seq: Generated<number>;
  at: string;
  key: string | null;
  key_name: string;
  tenant: string | null;
  operation: string;
  subject: string | null;
  outcome: string;
  address: string;
  request_id: string;
}

export interface IdempotencyRow {
  scope: string;
  key: string;
  fingerprint: string;
  status: number | null;
  answer: string | null;
  created_at: string;
  owner: string;
}

export interface EventRow {
  id: Generated<number>;
  type: EventType;
  at: string;
  tenant: string | null;
  subject: string;
  data: Json;
}

export interface JobRow {
  id: string;
  tenant: string | null;
  kind: JobKind;
  subject: string | null;
  state: JobState;
  progress: Json | null;
  attempts: number;
  stalls: number;
  cancel_requested: Bit;
  error: Json | null;
  result: Json | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  input: Json;
  checkpoint: Json;
  lease_owner: string | null;
  lease_until: number | null;
  not_before: number;
}

export interface BlobRow {
  digest: string;
  size: number;
  created_at: string;
}

export interface ImageRow {
  id: string;
  tenant: string | null;
  name: string;
  version: string;
  state: ImageState;
  state_reason: string | null;
  digest: string | null;
  size: number | null;
  facts: Json | null;
  job: string | null;
  created_at: string;
  updated_at: string;
  revision: number;
  source: Json;
}

export interface DiskRow {
  id: string;
  tenant: string;
  site: string;
  name: string;
  role: DiskRole;
  kind: DiskKind;
  clone: CloneMethod | null;
  nfs: string | null;
  device: string | null;
  image: string | null;
  base: string | null;
  restored_from: string | null;
  size: number;
  own_bytes: number | null;
  state: DiskState;
  state_reason: string | null;
  delete_at: string | null;
  job: string | null;
  created_at: string;
  updated_at: string;
  revision: number;
}

export interface DiskAttachmentRow {
  disk: string;
  device: string;
  access: DiskAccess;
  state: DiskAttachment['state'];
  since: string;
}

export interface DiskSnapshotRow {
  id: string;
  disk: string;
  tenant: string;
  name: string;
  size: number;
  state: DiskState;
  state_reason: string | null;
  job: string | null;
  created_at: string;
}

export interface DiskBackupRow {
  id: string;
  tenant: string;
  disk: string;
  disk_name: string;
  format: BackupFormat;
  size: number;
  bytes: number | null;
  digest: string | null;
  state: DiskBackup['state'];
  job: string | null;
  created_at: string;
}

export interface BuildRow {
  id: string;
  tenant: string | null;
  recipe: string;
  source: Json;
  lock_upload: string | null;
  trigger_kind: BuildTrigger;
  schedule: string | null;
  release: Bit;
  publish: Bit;
  pinned: Bit;
  state: JobState;
  image: string | null;
  image_id: string | null;
  unchanged: Bit;
  manifest: string | null;
  log_bytes: number;
  job: string | null;
  error: Json | null;
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface BuildFileRow {
  build: string;
  name: BuildFileName;
  digest: string;
  size: number;
}

export interface DerivativeRow {
  image: string;
  kind: 'boot-tree' | 'initramfs' | 'root-squashfs' | 'card-initramfs' | 'boot-set' | 'root-delta';
  variant: string;
  blob: string;
  size: number;
  recipe: string;
  created_at: string;
}

export interface UploadRow {
  id: string;
  tenant: string;
  filename: string;
  size: number | null;
  offset: number;
  complete: Bit;
  expires_at: string;
  created_at: string;
  /** The image whose import reads it. */
  image: string | null;
}

export interface SessionRow {
  id: string;
  device: string;
  stage: SessionStage;
  outcome: SessionOutcome;
  verdict: Json | null;
  firmware: FirmwareKind;
  model: Model;
  mac: string | null;
  boot_prefix: string | null;
  address: string | null;
  generation: number | null;
  started_at: string;
  up_at: string | null;
  ended_at: string | null;
  bytes: number;
  nonce_hash: string | null;
  exchanged_at: string | null;
  secret_expires_at: number;
  /** Moment of the latest timeline entry, and how many there are. */
  last_entry_at: string;
  entries: number;
}

export interface TimelineRow {
  session: string;
  seq: number;
  entry: Json;
}

export interface TelemetryBatchRow {
  batch: string;
  at: string;
}

export interface LeaseRow {
  site: string;
  client_id: string;
  mac: string;
  address: string;
  expires_at: number;
  state: 'offered' | 'bound' | 'declined' | 'released';
}

export interface SettingRow {
  name: string;
  value: string;
}

export interface CardVersionRow {
  device: string;
  version: number;
  digest: string;
  changed_at: string;
}
