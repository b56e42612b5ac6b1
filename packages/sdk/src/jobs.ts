import type { Job } from '@drover/contract';
import type { Call } from './call.js';
import { DroverError } from './errors.js';
import type { Transport } from './transport.js';

export interface WaitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called for each state of the job that differs from the last one told. */
  readonly onProgress?: ((job: Job) => void) | undefined;
  /** Ms between looks. Default 500 with `onProgress`; without it, from 100 ms to two seconds, growing with the time waited. */
  readonly intervalMs?: number | undefined;
  /** Ms to wait for a server that is away. Default two minutes. */
  readonly patienceMs?: number | undefined;
}

const isEnded = (job: Job): boolean => job.state === 'succeeded' || job.state === 'failed' || job.state === 'cancelled';

/** Waits until a job ended and gives it back, whichever way it ended. Outlasts restarts of the server. */
export const waitForJob = async (
  transport: Transport,
  call: Call,
  id: string,
  { signal, onProgress, intervalMs, patienceMs = 120_000 }: WaitOptions = {},
): Promise<Job> => {
  const every = intervalMs ?? (onProgress && 500);
  const wait = every === undefined ? growing() : () => every;
  let told = '';
  let awaySince: number | undefined;
  for (;;) {
    const job = await look(call, id, signal, () => {
      awaySince ??= Date.now();
      return Date.now() - awaySince < patienceMs;
    });
    if (job !== undefined) {
      awaySince = undefined;
      const now = JSON.stringify([job.state, job.progress]);
      if (now !== told) onProgress?.(job);
      told = now;
      if (isEnded(job)) return job;
    }
    await transport.sleep(wait(), signal);
  }
};

/** A short job is looked at often, a long one costs the server little: a fiftieth of the time waited so far, from a tenth of a second to two. */
const growing = (): (() => number) => {
  let waited = 0;
  return () => {
    const next = Math.min(Math.max(100, waited / 50), 2000);
    waited += next;
    return next;
  };
};

/** The job as it is; undefined while the server is away and there is patience left. */
const look = async (
  call: Call,
  id: string,
  signal: AbortSignal | undefined,
  isPatient: () => boolean,
): Promise<Job | undefined> => {
  try {
    return await call('getJob', { params: { id } }, { signal });
  } catch (error) {
    const away = error instanceof DroverError && ['server.unreachable', 'server.busy'].includes(error.code);
    if (away && isPatient()) return undefined;
    throw error;
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
