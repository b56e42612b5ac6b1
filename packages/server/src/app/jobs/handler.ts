import type { JobKind, Problem, Progress, Result } from '@drover/contract';
import type { Transaction } from '../store/ports.js';

/** What the runner hands to the work of one job. */
export interface JobContext {
  readonly id: string;
  readonly input: Readonly<Record<string, unknown>>;
  /** What an earlier attempt saved with {@link saveCheckpoint}. */
  readonly checkpoint: Readonly<Record<string, unknown>>;
  /** Replaces the checkpoint durably; rejects when the lease was lost. */
  saveCheckpoint(checkpoint: Record<string, unknown>): Promise<void>;
  /** Cheap: stored at most once a second, shown live more often. */
  progress(progress: Progress): void;
  /** Aborted on cancel, lost lease and orderly stop; why is in `signal.reason`. */
  readonly signal: AbortSignal;
}

/** How a job ends that does not succeed. */
export interface FailedEnd {
  readonly state: 'failed' | 'cancelled';
  readonly reason: string;
  readonly error: Problem | null;
  /** It failed by faults of ours and not by what it worked on, so it may be tried again: what that needs should stay. */
  readonly isGivenUp: boolean;
}

/**
 * The work behind one kind of job. `run` may be called again after a crash at any moment, with the checkpoint of the attempt before; a refusal ends the job
 * as failed, an exception is a fault and tried again. `undo` runs when the job was cancelled, or given up after too many faults, and may run more than
 * once; it also runs for a job that never began.
 *
 * `unwind` takes back what the database holds of a job that does not succeed, in the transaction that ends it: nobody ever sees the job ended and its work
 * half there, or the other way round. When a crash came between the last commit of the work and the end of the job, it changes nothing and returns
 * the result: the job has succeeded after all.
 *
 * `tidy` comes after the end, however that was. A crash may come before it, so what it does must also be done by a sweep.
 */
export interface JobHandler {
  readonly kind: JobKind;
  run(context: JobContext): Promise<Result<Record<string, unknown>>>;
  undo?(context: JobContext, why: 'cancelled' | 'given-up'): Promise<void>;
  unwind?(tx: Transaction, context: JobContext, end: FailedEnd): Promise<Record<string, unknown> | undefined>;
  tidy?(context: JobContext): Promise<void>;
}

/** Queues a job in the caller's transaction, with its event; returns its id. */
export type EnqueueJob = (
  tx: Transaction,
  job: { kind: JobKind; tenant: string | null; subject: string | null; input: Record<string, unknown> },
) => Promise<string>;
