import type { Job } from '@drover/contract';
import type { JobRecord } from './ports.js';

/** A job without what only the worker needs. */
export const presentJob = (record: JobRecord): Job => ({
  id: record.id,
  tenant: record.tenant,
  kind: record.kind,
  subject: record.subject,
  state: record.state,
  progress: record.progress,
  attempts: record.attempts,
  cancelRequested: record.cancelRequested,
  error: record.error,
  result: record.result,
  createdAt: record.createdAt,
  startedAt: record.startedAt,
  endedAt: record.endedAt,
});
