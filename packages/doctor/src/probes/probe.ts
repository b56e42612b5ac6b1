import type { Check, Observation } from '@drover/contract';

/** The network card it is looked from. */
export interface Card {
  readonly name: string;
  readonly address: string;
  readonly netmask: string;
}

/** What a probe works with. Every probe ends by itself, and sooner when the signal is aborted. */
export interface ProbeContext {
  readonly signal: AbortSignal;
  /** Milliseconds since 1970, as this machine counts them. */
  readonly now: () => number;
}

/** What one probe saw. A check that could not be made says why, and may have seen something all the same. */
export interface Probed {
  readonly check: Check;
  readonly observations: readonly Observation[];
}

export const timestamp = ({ now }: Pick<ProbeContext, 'now'>): string => new Date(now()).toISOString();

type Named = Pick<Check, 'name' | 'title'>;

export const done = (named: Named, observations: readonly Observation[]): Probed => ({
  check: { ...named, outcome: 'done', reason: null },
  observations,
});

export const skipped = (named: Named, reason: string, observations: readonly Observation[] = []): Probed => ({
  check: { ...named, outcome: 'skipped', reason },
  observations,
});

/** Resolves after so long, or when it is called off. */
export const pause = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
  });

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
