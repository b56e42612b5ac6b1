import type { ProvisionRequestState } from '@drover/contract';
import type { Json } from './schema.js';

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
