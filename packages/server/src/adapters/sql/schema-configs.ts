import type { Generated } from 'kysely';
import type { BootLayerKind } from '@drover/contract';
import type { Bit, Json } from './schema.js';

export interface BootLayerRow {
  id: string;
  tenant: string;
  kind: BootLayerKind;
  place: string;
  device: string | null;
  selector: string | null;
  key: string | null;
  card: string | null;
  priority: number | null;
  inherits: Bit;
  version: number;
  document: Json | null;
  /** The image that the document names. */
  image: string | null;
  created_at: string;
  updated_at: string;
}

export interface BootLayerVersionRow {
  layer: string;
  version: number;
  document: Json | null;
  inherits: Bit;
  priority: number | null;
  at: string;
  author: string;
  reason: string;
}

/** Moments in microseconds since the epoch. */
export interface TrackedCardRow {
  key: string;
  card: string;
  last_at: number;
  lines: number;
}

/** `lines`: joined by line feeds. */
export interface TrackChunkRow {
  id: Generated<number>;
  key: string;
  card: string;
  at: number;
  count: number;
  lines: string;
}
