import * as z from 'zod';
import { pageOf, PageQuery } from '../primitives.js';
import { Job, JobKind, JobState } from '../resources/job.js';
import { byId, type Route } from './route.js';

export const jobsRoutes = {
  listJobs: {
    method: 'GET',
    path: '/jobs',
    tag: 'jobs',
    summary: 'Jobs, newest first',
    role: 'reader',
    query: PageQuery.extend({
      state: JobState.optional(),
      kind: JobKind.optional(),
      subject: z.string().max(64).optional(),
    }),
    status: 200,
    answer: pageOf(Job),
  },
  getJob: {
    method: 'GET',
    path: '/jobs/{id}',
    tag: 'jobs',
    summary: 'One job',
    role: 'reader',
    params: byId,
    status: 200,
    answer: Job,
  },
  cancelJob: {
    method: 'POST',
    path: '/jobs/{id}/cancel',
    tag: 'jobs',
    summary: 'Ask a job to stop and undo what it did',
    role: 'operator',
    params: byId,
    status: 202,
    answer: Job,
  },
  retryJob: {
    method: 'POST',
    path: '/jobs/{id}/retry',
    tag: 'jobs',
    summary: 'Begin the work of a failed or cancelled job anew, as a new job',
    role: 'operator',
    params: byId,
    status: 202,
    answer: Job,
    idempotent: true,
  },
  verifyBlobs: {
    method: 'POST',
    path: '/blobs/verify',
    tag: 'blobs',
    summary: 'Read every stored blob and compare its sha256',
    role: 'admin',
    status: 202,
    answer: Job,
    idempotent: true,
  },
  collectBlobs: {
    method: 'POST',
    path: '/blobs/collect',
    tag: 'blobs',
    summary: 'Delete blobs that nothing refers to',
    role: 'admin',
    status: 202,
    answer: Job,
    idempotent: true,
  },
} as const satisfies Record<string, Route>;
