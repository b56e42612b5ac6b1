import {
  refusal,
  success,
  type Job,
  type JobKind,
  type JobState,
  type Page,
  type Principal,
  type Result,
} from '@drover/contract';
import { reaches, refuseBelow, tenantFilter } from '../../domain/tenancy.js';
import type { Also, Store, Transaction } from '../store/ports.js';
import type { EnqueueJob } from './handler.js';
import type { JobRecord } from './ports.js';
import { presentJob } from './present.js';
import { retryJob, type AgainByKind } from './retry.js';

export interface JobQuery {
  readonly limit: number;
  readonly cursor?: string | undefined;
  readonly state?: JobState | undefined;
  readonly kind?: JobKind | undefined;
  readonly subject?: string | undefined;
}

export interface Jobs {
  readonly get: (who: Principal, id: string) => Promise<Result<Job>>;
  /** Newest first. */
  readonly list: (who: Principal, query: JobQuery) => Promise<Result<Page<Job>>>;
  /** Asks a job to stop and undo what it did; `state` tells when it has. Refuses with job.finished. */
  readonly cancel: (who: Principal, id: string) => Promise<Result<Job>>;
  /** Begins the work of a job that failed or was cancelled anew. Refuses with job.unfinished, job.finished, or as the work itself would be refused. */
  readonly retry: (who: Principal, id: string, also?: Also<Job>) => Promise<Result<Job>>;
  /** Looks after all blobs of the installation. One that is queued or under way is answered instead of a second. */
  readonly maintain: (who: Principal, kind: 'blob.verify' | 'blob.collect', also?: Also<Job>) => Promise<Result<Job>>;
}

interface Deps {
  readonly store: Store;
  readonly enqueue: EnqueueJob;
  readonly again: AgainByKind;
}

export const createJobs = ({ store, enqueue, again }: Deps): Jobs => ({
  get: async (who, id) => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    return store.read(async (tx) => {
      const found = await find(tx, who, id);
      return found.ok ? success(presentJob(found.value)) : found;
    });
  },
  list: async (who, query) => {
    const refused = refuseBelow(who, 'reader');
    if (refused !== undefined) return refused;
    const { limit, cursor, state, kind, subject } = query;
    const tenant = tenantFilter(who);
    const filter = {
      ...(tenant === undefined ? {} : { tenant }),
      ...(state === undefined ? {} : { state }),
      ...(kind === undefined ? {} : { kind }),
      ...(subject === undefined ? {} : { subject }),
    };
    return store.read(async (tx) => {
      const page = await tx.jobs.list(filter, { limit, ...(cursor === undefined ? {} : { cursor }) });
      return success({ items: page.items.map(presentJob), next: page.next });
    });
  },
  cancel: async (who, id) => {
    const refused = refuseBelow(who, 'operator');
    if (refused !== undefined) return refused;
    return store.transaction(async (tx) => {
      const found = await find(tx, who, id);
      if (!found.ok) return found;
      if (found.value.endedAt !== null) return finished(found.value);
      await tx.jobs.requestCancel(id);
      return success({ ...presentJob(found.value), cancelRequested: true });
    });
  },
  retry: async (who, id, also) => {
    const refused = refuseBelow(who, 'operator');
    if (refused !== undefined) return refused;
    const found = await store.read((tx) => find(tx, who, id));
    if (!found.ok) return found;
    const notAllowed = isMaintenance(found.value) ? refuseMaintenance(who) : undefined;
    return notAllowed ?? retryJob({ store, enqueue, again }, who, found.value, also);
  },
  maintain: async (who, kind, also) => {
    const refused = refuseMaintenance(who);
    if (refused !== undefined) return refused;
    return store.transaction(async (tx) => {
      const running = await tx.jobs.unfinished(kind, null);
      const id = running?.id ?? (await enqueue(tx, { kind, tenant: null, subject: null, input: {} }));
      const found = await find(tx, who, id);
      if (!found.ok) return found;
      const job = presentJob(found.value);
      await also?.(tx, job);
      return success(job);
    });
  },
});

const find = async (tx: Transaction, who: Principal, id: string): Promise<Result<JobRecord>> => {
  const job = await tx.jobs.get(id);
  return job !== undefined && reaches(who, job.tenant)
    ? success(job)
    : refusal('job.not-found', `There is no job ${id}`, { remedy: 'See `drover job list`.' });
};

const finished = (job: JobRecord) =>
  refusal(
    'job.finished',
    `The job ${job.id} ended at ${job.endedAt ?? ''}: it ${job.state === 'cancelled' ? 'was cancelled' : job.state}`,
    {
      remedy: 'There is nothing left to cancel.',
    },
  );

const isMaintenance = ({ kind }: JobRecord): boolean => kind === 'blob.verify' || kind === 'blob.collect';

const refuseMaintenance = (who: Principal) => refuseBelow(who, 'admin') ?? refuseTenantKey(who);

const refuseTenantKey = (who: Principal) =>
  who.tenant === null
    ? undefined
    : refusal('auth.forbidden', 'Blobs are shared by all tenants', {
        remedy: 'Use an admin key of the installation.',
      });
