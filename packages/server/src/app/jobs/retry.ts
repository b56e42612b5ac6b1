import { refusal, success, type Image, type Job, type JobKind, type Principal, type Result } from '@drover/contract';
import type { Also, Store, Transaction } from '../store/ports.js';
import type { EnqueueJob } from './handler.js';
import type { JobRecord } from './ports.js';
import { presentJob } from './present.js';

/** Asks again for the image of a failed import: its name is free since, and its source may be gone. */
export type ImportAgain = (
  who: Principal,
  failed: Pick<JobRecord, 'input' | 'tenant'>,
  also?: Also<Image>,
) => Promise<Result<Image>>;

/** What was asked for, with the job that makes it. */
interface Begun {
  readonly job: string | null;
}

/** Asks again for what a failed job was to make: it was taken back, or what it is made of may be gone since. */
export type Again = (
  who: Principal,
  failed: Pick<JobRecord, 'input' | 'tenant'>,
  also?: Also<Begun>,
) => Promise<Result<Begun>>;

/** Kinds of jobs whose row alone is not enough to begin them anew. */
export type AgainByKind = Readonly<Partial<Record<JobKind, Again>>>;

interface Deps {
  readonly store: Store;
  readonly enqueue: EnqueueJob;
  readonly again: AgainByKind;
}

/** Begins the work of a job that ended badly anew, as a new job. The caller may do so: that was decided before. */
export const retryJob = async (
  deps: Deps,
  who: Principal,
  failed: JobRecord,
  also?: Also<Job>,
): Promise<Result<Job>> => {
  if (failed.endedAt === null) return unfinished(failed);
  if (failed.state === 'succeeded') return succeeded(failed);
  const again = deps.again[failed.kind];
  return again === undefined ? requeue(deps, failed, also) : askAgain(again, who, failed, also);
};

const askAgain = async (again: Again, who: Principal, failed: JobRecord, also?: Also<Job>): Promise<Result<Job>> => {
  let job: Job | undefined;
  const begun = await again(who, failed, async (tx, { job: id }) => {
    job = await jobOf(tx, id ?? '');
    await also?.(tx, job);
  });
  if (!begun.ok) return begun;
  if (job === undefined) throw new Error(`what the job ${failed.id} was to make began without a job`);
  return success(job);
};

/** One that is under way already for the same thing is answered instead of a second. */
const requeue = async (
  { store, enqueue }: Deps,
  { kind, tenant, subject, input }: JobRecord,
  also?: Also<Job>,
): Promise<Result<Job>> =>
  store.transaction(async (tx) => {
    const running = await tx.jobs.unfinished(kind, subject);
    const job = await jobOf(tx, running?.id ?? (await enqueue(tx, { kind, tenant, subject, input })));
    await also?.(tx, job);
    return success(job);
  });

const jobOf = async (tx: Transaction, id: string): Promise<Job> => {
  const job = await tx.jobs.get(id);
  if (job === undefined) throw new Error(`the job ${id} is not there`);
  return presentJob(job);
};

const unfinished = ({ id, state }: JobRecord) =>
  refusal('job.unfinished', `The job ${id} is ${state}; there is nothing to try again yet`, {
    remedy: `Follow it: drover job watch ${id}`,
  });

const succeeded = ({ id }: JobRecord) =>
  refusal('job.finished', `The job ${id} succeeded; there is nothing to try again`, {
    remedy: 'Ask for the work itself, if it is wanted once more.',
  });
