import type { NetworkState } from '../boot-plane/network-state.js';
import type { Settings } from '../config.js';

export const planes = ['control', 'boot'] as const;
/** The two processes of a server: see docs/architecture.md. */
export type Plane = (typeof planes)[number];

/** Counters of the boot plane, by metric name and labels, as the control plane shows them in /metrics. */
export interface Counter {
  readonly name: string;
  /** What it is when it is no counter. */
  readonly type?: 'gauge';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** From the supervisor to a plane. */
export type ToPlane =
  | { readonly type: 'start'; readonly settings: Settings; readonly version: string }
  | { readonly type: 'stop' }
  /** How the other plane does. */
  | { readonly type: 'peer'; readonly ready: boolean }
  | { readonly type: 'counters'; readonly counters: readonly Counter[] }
  | { readonly type: 'network'; readonly network: NetworkState };

/** From a plane to the supervisor. */
export type FromPlane =
  | { readonly type: 'loaded' }
  | { readonly type: 'ready'; readonly urls: readonly string[] }
  /** It cannot start, and trying again will not help before somebody changes something. */
  | { readonly type: 'failed'; readonly message: string }
  /** The first admin key was made: to be shown once. */
  | { readonly type: 'first-key'; readonly key: string; readonly file: string }
  | { readonly type: 'counters'; readonly counters: readonly Counter[] }
  | { readonly type: 'network'; readonly network: NetworkState };
