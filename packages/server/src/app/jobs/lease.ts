import type { Progress } from '@drover/contract';
import type { Clock, Log } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { JobRecord, ProgressFeed } from './ports.js';
import { pause } from './pause.js';

/** Why a job must stop. */
export type StopReason = 'cancelled' | 'lease-lost' | 'stopping';

/** What `signal.reason` is when a job must stop. */
export class JobStopped extends Error {
  readonly reason: StopReason;
  constructor(reason: StopReason) {
    super(
      {
        cancelled: 'the job was cancelled',
        'lease-lost': 'another server has taken this job over',
        stopping: 'the server is stopping',
      }[reason],
    );
    this.name = 'JobStopped';
    this.reason = reason;
  }
}

export interface Timing {
  /** How long a job is ours without a sign of life, in ms. */
  readonly leaseMs: number;
  /** How often to give one. */
  readonly renewMs: number;
  /** How often to look for a cancel, and to store progress at most. */
  readonly tickMs: number;
  /** Live progress at most this often. */
  readonly liveMs: number;
}

/** One running job's hold on its row. */
export interface Lease {
  readonly signal: AbortSignal;
  readonly progress: (progress: Progress) => void;
  readonly saveCheckpoint: (checkpoint: Record<string, unknown>) => Promise<void>;
  /** The latest progress that was not stored yet. */
  unsaved(): Progress | null;
  stop(reason: StopReason): void;
  /** Ends renewing. */
  close(): Promise<void>;
}

interface LeaseDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly timing: Timing;
  readonly feed: ProgressFeed | undefined;
}

/**
 * Renews the lease until it is closed, and aborts `signal` when the job is no longer to go on: somebody cancelled it, or the lease was lost, which also
 * is so when the database did not answer until it ended.
 */
export const holdLease = (deps: LeaseDeps, job: JobRecord, owner: string): Lease => {
  const { store, clock, log, timing, feed } = deps;
  const work = new AbortController();
  const closed = new AbortController();
  let until = job.leaseUntil ?? clock.now();
  let renewedAt = clock.now();
  let latest: Progress | null = null;
  let shownAt = -Infinity;

  const stop = (reason: StopReason): void => {
    if (!work.signal.aborted) work.abort(new JobStopped(reason));
  };

  const renew = async (): Promise<void> => {
    const progress = latest;
    latest = null;
    const now = clock.now();
    const next = now + timing.leaseMs;
    try {
      const { held, cancelRequested } = await store.transaction((tx) => tx.jobs.renew(job.id, owner, next, progress));
      if (!held) return stop('lease-lost');
      until = next;
      renewedAt = now;
      if (cancelRequested) stop('cancelled');
    } catch (error) {
      latest ??= progress;
      throw error;
    }
  };

  const lookForCancel = async (): Promise<void> => {
    const row = await store.read((tx) => tx.jobs.get(job.id));
    if (row === undefined || row.leaseOwner !== owner) return stop('lease-lost');
    if (row.cancelRequested) stop('cancelled');
  };

  const tick = async (): Promise<void> => {
    try {
      await (latest !== null || clock.now() - renewedAt >= timing.renewMs ? renew() : lookForCancel());
    } catch (error) {
      log.warn({ err: error, job: job.id }, 'could not renew the lease of a job');
      if (clock.now() >= until) stop('lease-lost');
    }
  };

  const ticking = (async () => {
    while (!closed.signal.aborted) {
      await pause(timing.tickMs, closed.signal);
      if (!closed.signal.aborted) await tick();
    }
  })();

  const show = (progress: Progress): void => {
    const now = clock.now();
    if (now - shownAt < timing.liveMs) return;
    shownAt = now;
    const data = { kind: job.kind, subject: job.subject, progress };
    const at = new Date(now).toISOString();
    feed?.publish({ id: null, type: 'job.progress', at, tenant: job.tenant, subject: job.id, data });
  };

  return {
    signal: work.signal,
    progress: (progress) => {
      latest = progress;
      show(progress);
    },
    saveCheckpoint: async (checkpoint) => {
      if (await store.transaction((tx) => tx.jobs.saveCheckpoint(job.id, owner, checkpoint))) return;
      stop('lease-lost');
      throw new JobStopped('lease-lost');
    },
    unsaved: () => latest,
    stop,
    close: async () => {
      closed.abort();
      await ticking;
    },
  };
};
