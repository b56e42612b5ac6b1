import type { PowerDriverKind, Result } from '@drover/contract';

/** A board, as its power driver is told of it. */
export interface PowerTarget {
  readonly id: string;
  readonly name: string;
  readonly mac: string | null;
  readonly serial: string | null;
  /** 8 hex digits: what Bakery calls the id of a Pi. */
  readonly bootPrefix: string | null;
  /** What this driver needs to know of this board, by the names of {@link PowerDriver.needs}: the port of its switch, the address of its plug. */
  readonly values: Readonly<Record<string, string>>;
}

export type Switched = 'on' | 'off';

/**
 * One way to switch boards on and off. A driver does what it is told once, at once: time-outs come with the signal, and retries, how many at a time and
 * in which distance are the caller's. What did not work is refused with `power.failed` and the words of whatever refused it.
 */
export interface PowerDriver {
  /** As in the settings. */
  readonly name: string;
  readonly kind: PowerDriverKind;
  /** Names of the values that each board must have. */
  readonly needs: readonly string[];
  /** Whether the board's supply can be asked for; without it {@link query} is refused. */
  readonly canQuery: boolean;
  readonly switch: (target: PowerTarget, to: Switched, signal: AbortSignal) => Promise<Result<null>>;
  /** What the supply says, which is not yet what the board does. */
  readonly query: (target: PowerTarget, signal: AbortSignal) => Promise<Result<Switched>>;
}

/** How a driver is to be used. */
export interface PowerLimits {
  /** Boards at once. */
  readonly concurrency: number;
  /** Least time between two that are switched on, in ms: a rack that starts at once may trip its breaker. */
  readonly staggerMs: number;
  /** For one attempt. */
  readonly timeoutMs: number;
  /** Further attempts after one that failed. */
  readonly retries: number;
}

export interface ConfiguredDriver {
  readonly driver: PowerDriver;
  readonly limits: PowerLimits;
}
