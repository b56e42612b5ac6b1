import type { BootLayer, BootLayerKind, BootLayerVersion, Page } from '@drover/contract';

/** `place`: what it is named by within its tenant: `default`, `group/a=1`, `device/dev_...`, `card/key_.../id`. */
export interface BootLayerRecord extends Omit<BootLayer, 'ref' | 'etag'> {
  readonly place: string;
}

export interface BootLayerRepository {
  get(id: string): Promise<BootLayerRecord | undefined>;
  find(tenant: string, place: string): Promise<BootLayerRecord | undefined>;
  /** Those of these places that say something. */
  speaking(tenant: string, places: readonly string[]): Promise<BootLayerRecord[]>;
  /** Those that say something, newest first. */
  list(
    filter: { tenant?: string; kind?: BootLayerKind },
    page: { limit: number; cursor?: string },
  ): Promise<Page<BootLayerRecord>>;
  /** Every group of a tenant that says something. */
  groups(tenant: string): Promise<BootLayerRecord[]>;
  /** Layers of cards of a key, whether they say something or not. */
  countCards(key: string): Promise<number>;
  /** Those whose image is one of these refs; `tenant` undefined: every tenant's. */
  namingImage(tenant: string | undefined, refs: readonly string[]): Promise<BootLayerRecord[]>;
  countGroups(tenant: string): Promise<number>;
  /** Stores it as it is now, and its version beside those before; those older than the newest `keep` are forgotten. */
  save(layer: BootLayerRecord, version: BootLayerVersion, keep: number): Promise<void>;
  /** Newest first. */
  versions(layer: string, page: { limit: number; cursor?: string }): Promise<Page<BootLayerVersion>>;
  version(layer: string, version: number): Promise<BootLayerVersion | undefined>;
}

/** Lines of one card that came together, the oldest first. */
export interface TrackChunk {
  readonly key: string;
  readonly card: string;
  /** Microseconds since the epoch, of the last line. */
  readonly at: number;
  readonly lines: readonly string[];
}

export interface TrackLimits {
  /** Lines of one card. Somewhat more may be kept for a while. */
  readonly lines: number;
  /** Cards of one key: those not seen for longest are forgotten. */
  readonly cards: number;
}

export interface TrackRepository {
  append(chunks: readonly TrackChunk[], limits: TrackLimits): Promise<void>;
  /** Ids seen since, sorted. */
  cards(key: string, since: number): Promise<string[]>;
  /** Oldest first. */
  lines(key: string, card: string): Promise<string[]>;
  /** Forgets what is older, in microseconds; returns how many cards went. */
  prune(before: number): Promise<number>;
}
