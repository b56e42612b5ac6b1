import { resultOf } from '@drover/sdk';
import { isRefusal } from './explain.js';
import type { Session } from './session.js';

/** Waits until a job succeeded; throws what it failed with. */
export const succeed = async ({ client }: Session, job: string | null): Promise<Record<string, unknown>> =>
  job === null ? {} : resultOf(await client.waitForJob(job));

/** The jobs that stand in the way, as a refusal names them. */
const jobsIn = (text: string): string[] => text.match(/job_[0-9A-Z]{26}/g) ?? [];

/** Longer than any job on a disk that is in the way of another. */
const mostTurns = 20;

/**
 * Asks for work on something that has one job at a time. Where another is at work, that one is waited for, however it ends, and it is asked again: calls for the same disk or board may come
 * at once, and one that died left its job behind.
 */
export const inTurn = async <T>(session: Session, ask: () => Promise<T>): Promise<T> => {
  for (let turn = 1; ; turn += 1) {
    try {
      return await ask();
    } catch (error) {
      const isBusy = isRefusal(error, 'disk.in-use', 'job.unfinished');
      const [job] = isBusy ? jobsIn([error.problem.detail, ...(error.problem.conflicts ?? [])].join(' ')) : [];
      if (job === undefined || turn === mostTurns) throw error;
      session.log.say(`waiting for ${job}, which is at work there`);
      await session.client.waitForJob(job);
    }
  }
};

const hour = 3_600_000;
const mostAttempts = 1000;

/**
 * Makes something once, however often the call is repeated. The server keeps its answer under the key of the call; directors number their calls with few digits, so that one from
 * yesterday may have the same: what is older than an hour, or no longer as this call would have made it, is another call's.
 */
export const makeOnce = async <T extends { readonly createdAt: string }>(
  { clock }: Session,
  make: (attempt: number) => Promise<T>,
  isOurs: (made: T) => Promise<boolean>,
): Promise<T> => {
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const made = await make(attempt);
    if (clock.now() - Date.parse(made.createdAt) < hour && (await isOurs(made))) return made;
  }
  throw new Error(`made ${mostAttempts} times before`);
};
