import type { Device, DeviceState, Identity, IdentityKind, Model, Page } from '@drover/contract';

export interface DeviceRecord extends Omit<Device, 'etag'> {
  revision: number;
}

export type DeviceChange = Partial<Omit<DeviceRecord, 'id' | 'identities' | 'revision' | 'createdAt'>>;

export interface DeviceRepository {
  insert(device: DeviceRecord): Promise<void>;
  get(id: string): Promise<DeviceRecord | undefined>;
  /** Scope is the site. */
  findByIdentity(site: string, kind: IdentityKind, value: string): Promise<DeviceRecord | undefined>;
  /** By id, name, serial, MAC or boot prefix; all that fit, at most 2. `tenant` undefined: every tenant's. Discovered devices of no tenant are found too. */
  resolve(ref: string, tenant: string | null | undefined): Promise<DeviceRecord[]>;
  list(
    filter: {
      tenant?: string | null;
      state?: DeviceState;
      model?: Model;
      site?: string;
      image?: string;
      labels?: Record<string, string>;
    },
    page: { limit: number; cursor?: string },
  ): Promise<Page<DeviceRecord>>;
  /** Compare and set on `revision`; false when somebody was faster. Increments it. */
  update(id: string, revision: number, change: DeviceChange): Promise<boolean>;
  /** Locks one available device that fits for the rest of the transaction, so that two callers never get the same. */
  claimAvailable(filter: {
    tenant: string | null;
    labels?: Record<string, string>;
    models?: readonly Model[];
    device?: string;
  }): Promise<DeviceRecord | undefined>;
  /** Sets seen data without touching the revision: telemetry, not state. */
  touch(id: string, seen: { at: string; address?: string; session?: string }): Promise<void>;
  addIdentity(device: string, site: string, identity: Identity): Promise<{ ok: true } | { ok: false; heldBy: string }>;
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
