import type { Clock, Ids } from '../ports.js';
import type { EnqueueJob } from './handler.js';

/** See {@link EnqueueJob}. */
export const createEnqueue =
  ({ clock, ids }: { readonly clock: Clock; readonly ids: Ids }): EnqueueJob =>
  async (tx, { kind, tenant, subject, input }) => {
    const id = ids.next('job');
    const at = new Date(clock.now()).toISOString();
    await tx.jobs.insert({
      id,
      tenant,
      kind,
      subject,
      state: 'queued',
      progress: null,
      attempts: 0,
      stalls: 0,
      cancelRequested: false,
      error: null,
      result: null,
      createdAt: at,
      startedAt: null,
      endedAt: null,
      input,
      checkpoint: {},
      leaseOwner: null,
      leaseUntil: null,
      notBefore: 0,
    });
    await tx.events.append({ type: 'job.created', at, tenant, subject: id, data: { kind, subject } });
    return id;
  };
