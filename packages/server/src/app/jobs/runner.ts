import type { JobKind } from '@drover/contract';
import type { EventFeed } from '../events/ports.js';
import type { Clock, Ids, Log, Service } from '../ports.js';
import type { Store } from '../store/ports.js';
import { attemptJob } from './attempt.js';
import type { JobHandler } from './handler.js';
import { holdLease, type Lease, type Timing } from './lease.js';
import { pause } from './pause.js';
import type { JobRecord, ProgressFeed } from './ports.js';

export interface JobRunnerDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly handlers: readonly JobHandler[];
  /** Jobs at once. */
  readonly concurrency: number;
  /** Of one kind at once, where that is fewer: one that fills the machine leaves room for the others. */
  readonly limits?: Readonly<Partial<Record<JobKind, number>>>;
  /**
   * Name of this server, the same in each of its lives and never shared by two: what its last life left running is then taken up at once, and not when
   * the leases end.
   */
  readonly owner: string;
  /** Wakes the runner at once when a job is queued; without it, it looks once a second. */
  readonly events?: EventFeed;
  readonly progress?: ProgressFeed;
  readonly timing?: Partial<Timing & { pollMs: number; stopMs: number }>;
}

/** Lease 30 s, renewed every 10 s; cancel and progress once a second; live progress five times. */
const defaultTiming = {
  leaseMs: 30_000,
  renewMs: 10_000,
  tickMs: 1000,
  liveMs: 200,
  pollMs: 1000,
  stopMs: 20_000,
};

/** Works off the jobs table, together with any other server on the same database. */
export const createJobRunner = (deps: JobRunnerDeps): Service => {
  const timing = { ...defaultTiming, ...deps.timing };
  const handlers = new Map(deps.handlers.map((handler) => [handler.kind, handler]));
  // The name of a life, so that an earlier one that still runs somewhere loses its leases instead of sharing them.
  const owner = `${deps.owner}#${deps.ids.randomHex(8)}`;
  const running = new Map<Promise<void>, { readonly lease: Lease; readonly kind: JobKind }>();
  let stopping = new AbortController();
  let wakeUp = new AbortController();
  let loop: Promise<void> = Promise.resolve();
  let unsubscribe: () => void = () => undefined;

  const wake = (): void => {
    wakeUp.abort();
  };

  /** Kinds that may begin another one now. */
  const freeKinds = (): JobKind[] =>
    [...handlers.keys()].filter((kind) => {
      const atWork = [...running.values()].filter((each) => each.kind === kind).length;
      return atWork < (deps.limits?.[kind] ?? Infinity);
    });

  const claim = async (): Promise<JobRecord | undefined> => {
    const kinds = freeKinds();
    return deps.store.transaction((tx) => tx.jobs.claim(kinds, owner, deps.clock.now(), timing.leaseMs));
  };

  const begin = (job: JobRecord): void => {
    const handler = handlers.get(job.kind);
    if (handler === undefined) return;
    const lease = holdLease({ ...deps, timing, feed: deps.progress }, job, owner);
    if (stopping.signal.aborted) lease.stop('stopping');
    const work = attemptJob({ ...deps, owner }, handler, job, lease)
      .catch((error: unknown) => {
        deps.log.error({ err: error, job: job.id }, 'how a job ended could not be stored; it is tried again later');
      })
      .then(() => lease.close())
      .finally(() => {
        running.delete(work);
        wake();
      });
    running.set(work, { lease, kind: job.kind });
  };

  const workOff = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      wakeUp = new AbortController();
      const job = running.size < deps.concurrency ? await claimSafely() : undefined;
      if (job !== undefined) begin(job);
      else await pause(timing.pollMs, wakeUp.signal);
    }
  };

  /** Told once, and when it is over: the database may be away for hours. */
  let isFailing = false;
  const claimSafely = async (): Promise<JobRecord | undefined> => {
    try {
      const job = await claim();
      if (isFailing) deps.log.info({}, 'looking for jobs again');
      isFailing = false;
      return job;
    } catch (error) {
      if (!isFailing) deps.log.warn({ err: error }, 'could not look for jobs; trying on');
      isFailing = true;
      return undefined;
    }
  };

  return {
    start: async () => {
      stopping = new AbortController();
      const left = await deps.store.transaction((tx) => tx.jobs.takeBack(`${deps.owner}#`));
      if (left > 0) deps.log.info({ jobs: left }, 'going on with jobs that an earlier run left');
      unsubscribe = deps.events?.subscribe((event) => event.type === 'job.created' && wake()) ?? unsubscribe;
      loop = workOff();
    },
    stop: async () => {
      unsubscribe();
      stopping.abort();
      wake();
      await loop;
      for (const { lease } of running.values()) lease.stop('stopping');
      const limit = new AbortController();
      await Promise.race([Promise.all(running.keys()), pause(timing.stopMs, limit.signal)]);
      limit.abort();
      if (running.size > 0)
        deps.log.warn({ jobs: running.size }, 'jobs did not stop in time; they go on at the next start');
    },
  };
};
