import * as z from 'zod';
import { JobId, TenantId, Timestamp } from '../primitives.js';
import { Problem } from '../errors.js';

export const jobStates = ['queued', 'running', 'succeeded', 'failed', 'cancelled'] as const;
export const JobState = z.enum(jobStates);
export type JobState = z.infer<typeof JobState>;

export const jobKinds = [
  'image.import',
  'image.delete',
  'image.root',
  'image.boot',
  'image.boot-set',
  'image.delta',
  'image.build',
  'disk.create',
  'disk.snapshot',
  'disk.forget-snapshot',
  'disk.resize',
  'disk.flatten',
  'disk.attach',
  'disk.detach',
  'disk.check',
  'disk.remove',
  'disk.backup',
  'device.power',
  'device.release',
  'blob.verify',
  'blob.collect',
] as const;
export const JobKind = z.enum(jobKinds);
export type JobKind = z.infer<typeof JobKind>;

/** `total` null: not known yet. `unit`: bytes, files, blobs, steps, stages. */
export const Progress = z.object({
  step: z.string(),
  done: z.number(),
  total: z.number().nullable(),
  unit: z.string(),
});
export type Progress = z.infer<typeof Progress>;

export const Job = z.object({
  id: JobId,
  tenant: TenantId.nullable(),
  kind: JobKind,
  /** Id of the thing the job is about. */
  subject: z.string().nullable(),
  state: JobState,
  progress: Progress.nullable(),
  attempts: z.number().int(),
  cancelRequested: z.boolean(),
  error: Problem.nullable(),
  result: z.record(z.string(), z.unknown()).nullable(),
  createdAt: Timestamp,
  startedAt: Timestamp.nullable(),
  endedAt: Timestamp.nullable(),
});
export type Job = z.infer<typeof Job>;
