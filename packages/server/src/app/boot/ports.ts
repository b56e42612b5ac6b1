import type { RootFileSystem } from '../../domain/root-place.js';
import type {
  BootSession,
  DiskAccess,
  DiskKind,
  FirmwareKind,
  Model,
  Page,
  SessionOutcome,
  TimelineEntry,
  TimelineItem,
} from '@drover/contract';
import type { BootPlan, BootTree, PlannedDevice } from '../../domain/boot-plan.js';
import type { Beat } from '../../domain/device-health.js';
import type { BlobInfo } from '../blobs/ports.js';
import type { DiskOrder, DiskOrderReport } from '../disks/orders.js';

/** What a board shows of itself on the wire. Nothing of it is trusted. */
export interface WireIdentity {
  readonly site: string;
  readonly mac?: string;
  /** 8 hex digits: from DHCP option 97 or from the folder asked for over TFTP. */
  readonly bootPrefix?: string;
  readonly firmware: FirmwareKind;
  readonly model?: Model;
  readonly modelName?: string;
  readonly address?: string;
  /** DHCP option 93 (RFC 4578 section 2.1) as sent; a Pi claims 0. */
  readonly architecture?: number;
  /** A Raspberry Pi by the wire reference's rules; other machines are answered only when they are registered. */
  readonly isPi: boolean;
}

/** A session that is under way as the control plane knows it, so that a restarted boot plane goes on with it. */
export interface KnownSession {
  readonly id: string;
  readonly openedAt: number;
  readonly generation: number | null;
  readonly outcome: SessionOutcome;
  readonly stage: BootSession['stage'];
  /** A board has used its secret. */
  readonly exchanged: boolean;
}

/** A data disk that a board may have. */
export interface AttachedDisk {
  readonly id: string;
  /** Undefined: `block`. */
  readonly kind?: DiskKind;
  readonly name: string;
  readonly access: DiskAccess;
  /** It is being taken away. */
  readonly isLeaving?: true;
}

export type BootAnswer =
  /** Neither a Pi nor registered: say nothing. */
  | { readonly kind: 'ignore'; readonly reason: string }
  /** Known or just discovered, but nothing to boot: answer DHCP, refuse every file. */
  | {
      readonly kind: 'nothing';
      readonly device: PlannedDevice;
      readonly reason: string;
      readonly session: KnownSession | null;
    }
  | {
      readonly kind: 'boot';
      readonly device: PlannedDevice;
      readonly plan: BootPlan;
      readonly session: KnownSession | null;
    };

/** A board whose kernel came from a card asks what to boot. */
export interface CardRequest {
  readonly wire: WireIdentity;
  /** API key that lies on the card. */
  readonly key?: string;
  /** Id or name of the device the card was made for. */
  readonly device?: string;
  /** Of the kernel that runs, as `uname -r` says. */
  readonly release: string;
  /** Which set of boot files runs; absent on a card without sets. */
  readonly boot?: string;
}

export type CardAdmission =
  /** `misfit`: why the assigned image cannot be booted with the kernel of this card; null: nothing speaks against it. */
  | {
      readonly kind: 'admitted';
      readonly answer: Exclude<BootAnswer, { kind: 'ignore' }>;
      readonly misfit: string | null;
    }
  | { readonly kind: 'refused'; readonly reason: string };

export interface ExchangeRequest {
  readonly session: string;
  readonly secret: string;
  readonly nonce: string;
  readonly address: string;
  readonly mac?: string;
  readonly serial?: string;
  /** As its kernel counts it, in KiB. */
  readonly memory?: number;
  readonly release?: string;
  /** Digests of roots that the card has. */
  readonly known?: readonly string[];
  /** What the boot plane knows of the session, in case its opening has not arrived yet. Absent where it knows no such session. */
  readonly opened?: SessionOpened;
}

/** Where a board finds its root. */
export type GrantedRoot =
  /** To download: a squashfs. */
  | { readonly mode: 'ram'; readonly digest: string; readonly size: number }
  /** Kept by the card, which asks for what it is to hold. */
  | { readonly mode: 'sd' }
  /** To mount: a directory by its disk's id. `path`, ports and versions are those of the NFS server of the boot plane, which fills them in. */
  | { readonly mode: 'nfs'; readonly what: string; readonly mount?: NfsMount }
  /** To attach: a disk by its id, or `image`, and the partition in it. */
  | {
      readonly mode: 'nbd' | 'stream';
      readonly what: string;
      readonly partition: number;
      readonly fileSystem: RootFileSystem;
    };

/** Where a board mounts a directory from. */
export interface NfsMount {
  readonly path: string;
  readonly port: number;
  /** Of the MOUNT protocol; 0: the port mapper knows. */
  readonly mountPort: number;
  readonly versions: '3,4' | '3' | '4';
}

export type ExchangeResult =
  | {
      readonly kind: 'granted';
      readonly credential: string;
      readonly hostname: string;
      readonly root: GrantedRoot;
      /** A tar laid over the root: machine-id, hostname, SSH host keys. base64. */
      readonly identityTar: string;
      readonly overlaySize: string;
    }
  /** The root is being made: come back in `retryAfter` seconds. */
  | { readonly kind: 'not-ready'; readonly retryAfter: number; readonly reason: string }
  | {
      readonly kind: 'refused';
      readonly reason: 'expired' | 'used-twice' | 'wrong' | 'revoked' | 'over' | 'no-assignment';
    };

/** A self-updating card asks what it is to hold. */
export interface CardQuestion {
  readonly session: string;
  /** 32 hex digits of this question. */
  readonly nonce: string;
  /** Digests of roots that the card has. */
  readonly known?: readonly string[];
}

/** Bytes that an answer names. */
export interface CardPromise {
  readonly root: BlobInfo;
  readonly boot: BlobInfo;
  readonly config: BlobInfo;
  readonly delta?: BlobInfo | undefined;
}

export type CardRefused =
  | Extract<ExchangeResult, { kind: 'not-ready' }>
  | { readonly kind: 'refused'; readonly reason: 'revoked' | 'no-assignment' };

export interface SessionOpened {
  readonly id: string;
  readonly device: string;
  readonly wire: WireIdentity;
  readonly generation: number | null;
  /** ms since the epoch. */
  readonly openedAt: number;
}

export type Telemetry =
  | { readonly kind: 'opened'; readonly opened: SessionOpened }
  /** `device` null: the boot plane no longer knows whose session it is. */
  | { readonly kind: 'entry'; readonly session: string; readonly device: string | null; readonly entry: TimelineEntry }
  /** A heartbeat, heard at (RFC 3339). Of those of one session the last counts. */
  | { readonly kind: 'beat'; readonly session: string; readonly at: string; readonly beat: Beat }
  /** The board of that boot is alive, at (RFC 3339): it asked something that is not worth an entry. Of those of one session the last counts. */
  | { readonly kind: 'heard'; readonly session: string; readonly at: string };

export interface TelemetryReply {
  /** Sessions among those reported that were revoked: refuse their credentials. */
  readonly revoked: readonly string[];
}

/** A lease of `dhcp: full`, times in ms since the epoch. */
export interface StoredLease {
  readonly site: string;
  readonly clientId: string;
  readonly mac: string;
  readonly address: string;
  readonly expiresAt: number;
  readonly state: 'offered' | 'bound' | 'declined' | 'released';
}

/**
 * The only seam between the planes. Every call is small JSON, may fail when the control plane is away, and may be repeated.
 */
export interface BootBackend {
  /** Key both planes derive session secrets from: 64 hex digits. */
  bootKey(): Promise<string>;
  /** Who is this, and what does it get. Registers a Pi never seen before as discovered. */
  identify(wire: WireIdentity): Promise<BootAnswer>;
  /** The same for a board that boots from a card, whose key may make it the tenant's. */
  admitCard(request: CardRequest): Promise<CardAdmission>;
  tree(digest: string): Promise<BootTree>;
  /** The data disks a device may have now. */
  attachments(device: string): Promise<readonly AttachedDisk[]>;
  /** What the files of a device's own are called as a whole now: 64 hex digits. */
  filesDigest(device: string): Promise<string>;
  /** They themselves for the board at that boot, a tar in base64; null when they are not for that boot (any more). */
  files(session: string): Promise<string | null>;
  exchange(request: ExchangeRequest): Promise<ExchangeResult>;
  /** What the card of a session that was exchanged is to hold, signed. */
  cardAnswer(
    question: CardQuestion,
  ): Promise<{ readonly kind: 'answered'; readonly text: string; readonly promise: CardPromise } | CardRefused>;
  /** The same without an answer, for a plane that no longer knows what was promised. */
  cardPromise(session: string): Promise<{ readonly kind: 'promised'; readonly promise: CardPromise } | CardRefused>;
  /** The archive of the boot config of that digest, in base64; null when it is another by now. */
  cardConfig(session: string, digest: string): Promise<string | null>;
  /** At most 1,000 items; kept in order per session. Repeating a batch (same `batch` id) changes nothing. */
  telemetry(batch: string, items: readonly Telemetry[]): Promise<TelemetryReply>;
  leases(site: string): Promise<readonly StoredLease[]>;
  saveLease(lease: StoredLease): Promise<void>;
  /** Takes reports on work on disks, and gives all that stands. Waits for news, for ten seconds at most, while that is what `known` names;
   * `signal` ends the waiting on this side. */
  diskOrders(
    known: readonly string[],
    reports: readonly DiskOrderReport[],
    signal?: AbortSignal,
  ): Promise<readonly DiskOrder[]>;
}

/** What each card was told last. */
export interface CardVersionRepository {
  get(device: string): Promise<{ readonly version: number; readonly digest: string } | undefined>;
  put(device: string, said: { readonly version: number; readonly digest: string }, at: string): Promise<void>;
}

export interface SessionRecord extends BootSession {
  /** sha256 of the nonce of the exchange that was granted. */
  nonceHash: string | null;
  exchangedAt: string | null;
  /** ms since the epoch: when the secret ends. */
  secretExpiresAt: number;
}

export interface SessionRepository {
  /** Inserts unless present. */
  insert(session: SessionRecord): Promise<void>;
  get(id: string): Promise<SessionRecord | undefined>;
  /** Locks the row for the transaction. */
  getForUpdate(id: string): Promise<SessionRecord | undefined>;
  update(id: string, change: Partial<Omit<SessionRecord, 'id' | 'device'>>): Promise<void>;
  latestOf(device: string): Promise<SessionRecord | undefined>;
  list(
    filter: { tenant?: string | null; device?: string; outcome?: SessionOutcome },
    page: { limit: number; cursor?: string },
  ): Promise<Page<SessionRecord>>;
  /** Sessions of a device that started at or after `since` (RFC 3339) without reaching up. */
  countUnhealthy(device: string, since: string): Promise<number>;
  /** Boots that are under way. */
  countRunning(): Promise<number>;
  /** Running sessions whose last entry is older than `before` (RFC 3339). */
  silentSince(before: string, limit: number): Promise<SessionRecord[]>;
  append(id: string, entries: readonly TimelineEntry[]): Promise<TimelineItem[]>;
  timeline(id: string, after: number, limit: number): Promise<TimelineItem[]>;
  prune(before: string): Promise<number>;
  /** Remembers a telemetry batch; false when it was seen before. */
  noteBatch(batch: string, at: string): Promise<boolean>;
  leases(site: string): Promise<StoredLease[]>;
  saveLease(lease: StoredLease): Promise<void>;
}

/** Timeline items as they are stored, for those who watch. */
export interface TimelineFeed {
  publish(session: string, device: string, tenant: string | null, items: readonly TimelineItem[]): void;
  subscribe(
    listener: (session: string, device: string, tenant: string | null, items: readonly TimelineItem[]) => void,
  ): () => void;
}
