import { problemOf, refusal, RefusedError, type Problem, type Result } from '@drover/contract';
import type { Clock, Log } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import type { JobContext, JobHandler } from './handler.js';
import { JobStopped, type Lease } from './lease.js';
import type { JobRecord } from './ports.js';

/** Attempts in a row without a new checkpoint before a job is given up. */
const maxStalls = 5;
const longestBackOffMs = 60_000;

/** Wait before the next attempt: 2 s, 4 s, 8 s ... a minute at most. */
export const backOffMs = (stalls: number): number => Math.min(longestBackOffMs, 1000 * 2 ** Math.max(1, stalls));

export interface AttemptDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly owner: string;
}

type Ending = {
  readonly state: 'succeeded' | 'failed' | 'cancelled';
  readonly error: Problem | null;
  readonly result: Record<string, unknown> | null;
  readonly isGivenUp?: true;
};

/** Runs a claimed job once, and writes how it ended. Rejects only when the database fails; the job is then claimed again when its lease ends. */
export const attemptJob = async (
  deps: AttemptDeps,
  handler: JobHandler,
  job: JobRecord,
  lease: Lease,
): Promise<void> => {
  const context: JobContext = {
    id: job.id,
    input: job.input,
    checkpoint: job.checkpoint,
    saveCheckpoint: lease.saveCheckpoint,
    progress: lease.progress,
    signal: lease.signal,
  };
  if (job.cancelRequested) return undo(deps, handler, job, lease, context, cancelled);
  if (job.stalls > maxStalls) return undo(deps, handler, job, lease, context, givenUp(job, undefined));
  try {
    const result = await runHandler(handler, context);
    if (result.ok) {
      await finish(deps, handler, job, lease, context, { state: 'succeeded', error: null, result: result.value });
      return;
    }
    const stopped = stopReasonOf(lease);
    if (stopped !== undefined) return await stop(deps, handler, job, lease, context, stopped);
    await finish(deps, handler, job, lease, context, { state: 'failed', error: problemOf(result), result: null });
  } catch (error) {
    const stopped = stopReasonOf(lease);
    if (stopped !== undefined) return stop(deps, handler, job, lease, context, stopped);
    await fault(deps, handler, job, lease, context, error);
  }
};

const runHandler = async (handler: JobHandler, context: JobContext): Promise<Result<Record<string, unknown>>> => {
  try {
    return await handler.run(context);
  } catch (error) {
    if (error instanceof RefusedError) return error.refusal;
    throw error;
  }
};

const stopReasonOf = ({ signal }: Lease): JobStopped | undefined =>
  signal.aborted && signal.reason instanceof JobStopped ? signal.reason : undefined;

const stop = async (
  deps: AttemptDeps,
  handler: JobHandler,
  job: JobRecord,
  lease: Lease,
  context: JobContext,
  { reason }: JobStopped,
): Promise<void> => {
  if (reason === 'cancelled') return undo(deps, handler, job, lease, context, cancelled);
  if (reason === 'stopping') {
    await deps.store.transaction((tx) => tx.jobs.requeue(job.id, deps.owner, deps.clock.now(), false));
    return;
  }
  deps.log.warn({ job: job.id }, 'the lease of a job was lost; whoever has it now goes on');
};

const fault = async (
  deps: AttemptDeps,
  handler: JobHandler,
  job: JobRecord,
  lease: Lease,
  context: JobContext,
  error: unknown,
): Promise<void> => {
  const row = await deps.store.read((tx) => tx.jobs.get(job.id));
  const stalls = row?.stalls ?? job.stalls;
  deps.log.error({ err: error, job: job.id, kind: job.kind, stalls }, 'a job failed by a fault of ours');
  if (stalls >= maxStalls) return undo(deps, handler, job, lease, context, givenUp(job, error));
  const notBefore = deps.clock.now() + backOffMs(stalls);
  await deps.store.transaction((tx) => tx.jobs.requeue(job.id, deps.owner, notBefore, true));
};

const cancelled: Ending = {
  state: 'cancelled',
  error: problemOf(refusal('job.cancelled', 'The job was cancelled, and what it had done was undone')),
  result: null,
};

/** `error` undefined: no attempt came so far as to fail, each ended with its server. */
const givenUp = (job: JobRecord, error: unknown): Ending => {
  const step = job.progress === null ? '' : `, last at the step "${job.progress.step}"`;
  const cause = error instanceof Error ? `: ${error.message}` : '';
  const detail =
    error === undefined
      ? `The server ended ${maxStalls} times in the middle of this job${step}, so it was given up`
      : `The job failed ${maxStalls} times${step}, and was given up${cause}`;
  const remedy = `Look into the log of the server for the cause, and mend it. Then try again: drover job retry ${job.id}`;
  return {
    state: 'failed',
    error: problemOf(refusal('server.fault', detail, { remedy })),
    result: null,
    isGivenUp: true,
  };
};

/** Lets the handler take back what it did, then ends the job. A fault here is tried again as any other, and after too many the job ends all the same. */
const undo = async (
  deps: AttemptDeps,
  handler: JobHandler,
  job: JobRecord,
  lease: Lease,
  context: JobContext,
  ending: Ending,
): Promise<void> => {
  const never = new AbortController();
  try {
    const why = ending.state === 'cancelled' ? 'cancelled' : 'given-up';
    await handler.undo?.({ ...context, signal: never.signal }, why);
  } catch (error) {
    deps.log.error({ err: error, job: job.id, kind: job.kind }, 'what a job had done could not be undone');
    if (job.stalls < maxStalls) {
      const notBefore = deps.clock.now() + backOffMs(job.stalls);
      await deps.store.transaction((tx) => tx.jobs.requeue(job.id, deps.owner, notBefore, true));
      return;
    }
  }
  await finish(deps, handler, job, lease, context, ending);
};

const finish = async (
  deps: AttemptDeps,
  handler: JobHandler,
  job: JobRecord,
  lease: Lease,
  context: JobContext,
  ending: Ending,
): Promise<void> => {
  const at = new Date(deps.clock.now()).toISOString();
  const progress = lease.unsaved();
  const ours = await deps.store.transaction(async (tx) => {
    // Asked first: what another server has taken over must not be taken back here.
    const { held } = await tx.jobs.renew(job.id, deps.owner, deps.clock.now(), progress);
    if (!held) return false;
    const { state, error, result } = await settled(tx, handler, context, ending);
    if (!(await tx.jobs.finish(job.id, deps.owner, { state, error, result, at }))) return false;
    await tx.events.append({
      type: 'job.ended',
      at,
      tenant: job.tenant,
      subject: job.id,
      data: { kind: job.kind, subject: job.subject, state, error, result },
    });
    return true;
  });
  if (!ours) {
    deps.log.warn({ job: job.id }, 'a job ended after its lease was lost; whoever has it now decides');
    return;
  }
  await handler.tidy?.(context).catch((error: unknown) => {
    deps.log.warn({ err: error, job: job.id, kind: job.kind }, 'what an ended job left could not be thrown away yet');
  });
};

/** Takes back the work of a job that does not succeed; one whose work was done all the same has succeeded. */
const settled = async (tx: Transaction, handler: JobHandler, context: JobContext, ending: Ending): Promise<Ending> => {
  const { state, error, isGivenUp = false } = ending;
  if (state === 'succeeded') return ending;
  const done = await handler.unwind?.(tx, context, { state, reason: error?.detail ?? state, error, isGivenUp });
  return done === undefined ? ending : { state: 'succeeded', error: null, result: done };
};
