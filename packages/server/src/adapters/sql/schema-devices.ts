import type {
  BeatHealth,
  DeviceState,
  FirmwareKind,
  IdentityKind,
  Model,
  PowerState,
  ProvisionRequestState,
  RootMode,
} from '@drover/contract';
import type { Json } from './schema.js';

export interface DeviceRow {
  id: string;
  tenant: string | null;
  site: string;
  name: string;
  state: DeviceState;
  state_reason: string | null;
  model: Model;
  model_name: string | null;
  firmware: FirmwareKind;
  mac: string | null;
  serial: string | null;
  boot_prefix: string | null;
  memory_mib: number | null;
  /** The assignment: all of these are null where there is none. */
  image: string | null;
  image_name: string | null;
  root_mode: RootMode | null;
  root_disk: string | null;
  kernel_parameters: string | null;
  assignment_generation: number | null;
  assigned_at: string | null;
  lease_until: string | null;
  last_address: string | null;
  last_seen_at: string | null;
  last_session: string | null;
  up_generation: number | null;
  /** The last heartbeat: all of these are null where there was none. */
  beat_session: string | null;
  beat_at: string | null;
  beat_due_at: string | null;
  /** When it was told that it is silent; null since it was heard again. */
  beat_silent_at: string | null;
  beat_health: BeatHealth | null;
  /** The rest of what it said. */
  beat_said: Json | null;
  /** What switches it: all of these are null where nothing does. */
  power_driver: string | null;
  power_values: Json | null;
  power_place: string | null;
  power_wanted: 'on' | 'off' | null;
  power_state: PowerState | null;
  power_since: string | null;
  power_failure: string | null;
  power_acted_at: string | null;
  power_proof_until: string | null;
  console: Json | null;
  created_at: string;
  updated_at: string;
  revision: number;
  generation: number;
}

export interface IdentityRow {
  site: string;
  kind: IdentityKind;
  value: string;
  device: string;
}

export interface DeviceLabelRow {
  device: string;
  key: string;
  value: string;
}

export interface DeviceSecretRow {
  device: string;
  machine_id: string;
  ssh_host_keys: Json;
}

export interface ProvisionRequestRow {
  id: string;
  tenant: string;
  key_id: string;
  key_tenant: string | null;
  state: ProvisionRequestState;
  reason: string | null;
  image: string;
  wish: string;
  /** The whole request, see Provision. */
  wanted: Json;
  device: string | null;
  created_at: string;
  waits_until: string;
  ended_at: string | null;
}

export interface DeviceFileRow {
  device: string;
  path: string;
  mode: string;
  uid: number;
  gid: number;
  size: number;
  sha256: string;
  /** Base64. */
  content: string;
  updated_at: string;
}

export interface FirstBootRow {
  device: string;
  settings: Json;
  warnings: Json;
  updated_at: string;
}
