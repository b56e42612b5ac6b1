import type { Jobs } from '../../../../app/jobs/jobs.js';
import type { Handlers } from '../handlers.js';

export interface JobUseCases {
  readonly jobs: Jobs;
}

type Operations = 'listJobs' | 'getJob' | 'cancelJob' | 'retryJob' | 'verifyBlobs' | 'collectBlobs';

export const jobHandlers = ({ jobs }: JobUseCases): Pick<Handlers, Operations> => ({
  listJobs: ({ principal }, { query }) => jobs.list(principal, query),
  getJob: ({ principal }, { params }) => jobs.get(principal, params.id),
  cancelJob: ({ principal }, { params }) => jobs.cancel(principal, params.id),
  retryJob: ({ principal, also }, { params }) => jobs.retry(principal, params.id, also),
  verifyBlobs: ({ principal, also }) => jobs.maintain(principal, 'blob.verify', also),
  collectBlobs: ({ principal, also }) => jobs.maintain(principal, 'blob.collect', also),
});
