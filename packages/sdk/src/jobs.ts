import type { Job } from '@drover/contract';
import type { Call } from './call.js';
import { DroverError } from './errors.js';
import type { Transport } from './transport.js';

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for each state of the job that differs from the last one told. */
  readonly onProgress?: ((job: Job) => void) | undefined;
  /** Ms between looks. */
  readonly intervalMs?: number | undefined;
}

const isEnded = (job: Job): boolean => job.state === 'succeeded' || job.state === 'failed' || job.state === 'cancelled';

/** Waits until a job ended and gives it back, whichever way it ended. Outlasts restarts of the server. */
export const waitForJob = async (
  transport: Transport,
  call: Call,
  id: string,
  { signal, onProgress, intervalMs = 500 }: WaitOptions = {},
): Promise<Job> => {
  let told = '';
  for (;;) {
    const job = await call('getJob', { params: { id } }, { signal });
    const now = JSON.stringify([job.state, job.progress]);
    if (now !== told) onProgress?.(job);
    told = now;
    if (isEnded(job)) return job;
    await transport.sleep(intervalMs, signal);
  }
};

/** The result of a job that succeeded; throws the reason of one that did not. */
export const resultOf = (job: Job): Record<string, unknown> => {
  if (job.state === 'succeeded') return job.result ?? {};
  if (job.error !== null) throw new DroverError(job.error);
  throw new DroverError({
    type: 'urn:drover:error:job.cancelled',
    title: 'The job was cancelled',
    status: 409,
    code: 'job.cancelled',
    detail: `The job ${job.id} was cancelled.`,
  });
};
