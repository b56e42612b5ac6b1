import type {
  AssignmentTarget,
  Device,
  DevicePower,
  DeviceState,
  HealthStatus,
  Identity,
  IdentityKind,
  Model,
  Page,
  PowerSupply,
} from '@drover/contract';
import type { HeardBeat } from '../../domain/device-health.js';
import type { ImageRecord } from '../images/ports.js';
import type { Transaction } from '../store/ports.js';

/**
 * `revision` counts changes of state (the etag is made from it); `generation` is the highest that any assignment of this device ever had, so that
 * a generation is never used twice, also after a release.
 */
/** With when it was switched, and until when something has to show that it was; null: nothing has to. */
export interface PowerRecord extends DevicePower {
  actedAt: string | null;
  proofUntil: string | null;
}

export interface DeviceRecord extends Omit<Device, 'etag' | 'health' | 'power'> {
  revision: number;
  generation: number;
  /** The last one that was heard. */
  beat: HeardBeat | null;
  power: PowerRecord | null;
}

export type DeviceChange = Partial<Omit<DeviceRecord, 'id' | 'identities' | 'revision' | 'createdAt' | 'beat'>>;

/** Which available devices. `tenant` null: any tenant's. */
export interface FreeFilter {
  readonly tenant: string | null;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly models?: readonly Model[] | undefined;
  readonly site?: string | undefined;
  /** At least. */
  readonly memoryMiB?: number | undefined;
  readonly device?: string | undefined;
  /** With that value of a label; null: without the label. */
  readonly spread?: { readonly label: string; readonly value: string | null } | undefined;
}

export interface DeviceRepository {
  /** With its identities, in the scope of its site. Throws RefusedError('device.identity-conflict') when another device has one of them. */
  insert(device: DeviceRecord): Promise<void>;
  get(id: string): Promise<DeviceRecord | undefined>;
  /** Scope is the site. */
  findByIdentity(site: string, kind: IdentityKind, value: string): Promise<DeviceRecord | undefined>;
  /** By id, name, serial, MAC or boot prefix; all that fit, at most 2. `tenant` undefined: every tenant's. Discovered devices of no tenant are found too. */
  resolve(ref: string, tenant: string | null | undefined): Promise<DeviceRecord[]>;
  /** Newest first. `tenant`: undefined every tenant's, null those of none; with a tenant `discovered` adds the discovered ones of none. */
  list(
    filter: {
      tenant?: string | null;
      discovered?: boolean;
      state?: DeviceState;
      model?: Model;
      site?: string;
      image?: string;
      /** At a moment (RFC 3339). */
      health?: { status: HealthStatus; at: string };
      labels?: Record<string, string>;
    },
    page: { limit: number; cursor?: string },
  ): Promise<Page<DeviceRecord>>;
  /** Compare and set on `revision`; false when somebody was faster. Increments it. */
  update(id: string, revision: number, change: DeviceChange): Promise<boolean>;
  /**
   * Locks one available device that fits for the rest of the transaction, so that two callers never get the same. The longest available first.
   * `tenant` null: any tenant's.
   */
  claimAvailable(filter: FreeFilter): Promise<DeviceRecord | undefined>;
  /** Values of a label among the available devices that fit, the one first whose devices have the fewest assignments. null, for those without the label, comes last. */
  spread(filter: FreeFilter, label: string): Promise<(string | null)[]>;
  /** That has this place at this driver. */
  findByPower(supply: PowerSupply): Promise<DeviceRecord | undefined>;
  /** Of which something has to show that they were switched. */
  powerUnproved(limit: number): Promise<DeviceRecord[]>;
  /** Whose lease ended at that moment (RFC 3339) or before. */
  leaseEnded(at: string, limit: number): Promise<DeviceRecord[]>;
  /** Sets seen data without touching the revision: telemetry, not state. What comes late does not turn back when it was seen. */
  touch(id: string, seen: { at?: string; address?: string; session?: string }): Promise<void>;
  /** The board at that boot was heard at that moment (RFC 3339). Nothing happens for a session that nobody exchanged, or that was revoked. */
  heard(session: string, at: string): Promise<void>;
  /** One UPDATE, and seen data with it, like {@link touch}: for a heartbeat that brings no news, of the session that sent the last one, with the health of that, and in
   * time. False for any other, which changes nothing. */
  renewBeat(beat: HeardBeat): Promise<boolean>;
  /** Takes a heartbeat for the last of this device. */
  saveBeat(device: string, beat: HeardBeat): Promise<void>;
  /** Notes that boards are silent whose next heartbeat was due before that moment (RFC 3339), each once until it is heard again. Returns them as they are then. */
  markSilent(at: string, limit: number): Promise<DeviceRecord[]>;
  addIdentity(device: string, site: string, identity: Identity): Promise<{ ok: true } | { ok: false; heldBy: string }>;
  /** Takes an identity from the device: what a board no longer shows, or was recorded wrongly. */
  removeIdentity(site: string, identity: Identity): Promise<void>;
  /** Two records turned out to be one board: `to` takes over identities and boot sessions of `from`, which is deleted. */
  absorb(from: string, to: string): Promise<void>;
  /** Devices of a site whose boot prefix ends in these 6 hex digits, at most 2. */
  findByPrefixTail(site: string, tail: string): Promise<DeviceRecord[]>;
  /** Discovered devices of no tenant, those not seen for longest first. */
  oldestDiscovered(limit: number): Promise<DeviceRecord[]>;
  /** True when a device of that tenant (null: of none) has the name. */
  nameTaken(tenant: string | null, name: string): Promise<boolean>;
  delete(id: string): Promise<void>;
  /** Counts by state, for metrics. */
  countByState(): Promise<Record<DeviceState, number>>;
  /** What makes a board itself and is injected at each boot: made once, kept for good. */
  secrets(device: string): Promise<DeviceSecrets | undefined>;
  saveSecrets(device: string, secrets: DeviceSecrets): Promise<void>;
}

export interface DeviceSecrets {
  /** 32 hex digits (machine-id(5)). */
  machineId: string;
  /** OpenSSH private and public host keys by file name: `ssh_host_ed25519_key`. */
  sshHostKeys: Record<string, string>;
}

/** What must be there before a board can boot an image. All of it in the caller's transaction. */
export interface Prepare {
  /** Starts what is missing. */
  ensure(tx: Transaction, device: DeviceRecord, image: ImageRecord, wanted: Wanted): Promise<Prepared>;
  /** Takes back what was made for this device alone: its assignment has ended. `disk`: what becomes of the disk it ran from. */
  end(tx: Transaction, device: string, disk: 'wipe' | 'keep'): Promise<void>;
}

/** What becomes of a board's power. In the caller's transaction. */
export interface Powering {
  /** It is in use since now. */
  ready(tx: Transaction, device: DeviceRecord): Promise<void>;
}

export type Wanted = Pick<AssignmentTarget, 'rootMode' | 'diskSize'>;

export interface Prepared {
  /** The job that makes what is missing; null: nothing is. */
  readonly job: string | null;
  /** What it makes, for people. */
  readonly what: string;
  /** The disk the board will run from. */
  readonly disk: string | null;
}
