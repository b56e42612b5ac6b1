import type { DomainEvent, Job, JobKind, JobState, Page, Problem, Progress } from '@drover/contract';

/** A job with what only the worker needs. `leaseUntil` is in ms since the epoch. */
export interface JobRecord extends Job {
  input: Record<string, unknown>;
  /** What the steps done so far left behind, so that a resumed job can go on or undo: written with each step, in its transaction. */
  checkpoint: Record<string, unknown>;
  /** Attempts in a row that ended without a new checkpoint: what the limit counts, so that a long job survives many restarts. */
  stalls: number;
  leaseOwner: string | null;
  leaseUntil: number | null;
  /** Not before this moment (ms): back-off after a fault. */
  notBefore: number;
}

export interface JobRepository {
  insert(job: JobRecord): Promise<void>;
  get(id: string): Promise<JobRecord | undefined>;
  list(
    filter: { tenant?: string | null; state?: JobState; kind?: JobKind; subject?: string },
    page: { limit: number; cursor?: string },
  ): Promise<Page<JobRecord>>;
  /** Takes the oldest job that is queued, or running under a lease that ended; sets state running, owner, lease, attempts + 1, stalls + 1. */
  claim(kinds: readonly JobKind[], owner: string, now: number, leaseMs: number): Promise<JobRecord | undefined>;
  /** Extends the lease and notes the progress (null: leaves it); false when the job is no longer this owner's. Returns whether cancel was asked for. */
  renew(
    id: string,
    owner: string,
    leaseUntil: number,
    progress: Progress | null,
  ): Promise<{ held: boolean; cancelRequested: boolean }>;
  /** A checkpoint that differs from the one before sets stalls to 0. False when the job is no longer this owner's. */
  saveCheckpoint(id: string, owner: string, checkpoint: Record<string, unknown>): Promise<boolean>;
  finish(
    id: string,
    owner: string,
    end: {
      state: 'succeeded' | 'failed' | 'cancelled';
      at: string;
      error: Problem | null;
      result: Record<string, unknown> | null;
    },
  ): Promise<boolean>;
  /** Back to the queue: after a fault of ours, or given back unharmed at an orderly stop (`stalled` false: the attempt does not count as one). */
  requeue(id: string, owner: string, notBefore: number, stalled: boolean): Promise<boolean>;
  /** Ends the leases of owners that begin with `prefix`: what an earlier life of this server left behind. Returns how many. */
  takeBack(prefix: string): Promise<number>;
  /** Asks a job that has not ended to stop; one that waits for its next attempt is to be claimed at once. */
  requestCancel(id: string): Promise<void>;
  /** Queued, or running under a lease: for subjects that allow one job at a time. */
  unfinished(kind: JobKind, subject: string | null): Promise<JobRecord | undefined>;
  countUnfinished(): Promise<{ readonly queued: number; readonly running: number }>;
  prune(before: string): Promise<number>;
}

/** Progress as it happens: `job.progress` events (id null), live only. Lossy: a listener that fails or is slow holds nobody up. */
export interface ProgressFeed {
  publish(event: DomainEvent): void;
  /** Returns the way to end it. */
  subscribe(listener: (event: DomainEvent) => void): () => void;
}
