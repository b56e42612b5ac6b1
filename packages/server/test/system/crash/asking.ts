import { setTimeout as sleep } from 'node:timers/promises';
import { DroverError } from '@drover/sdk';

/** What a caller knows of a request: its answer, its refusal, or nothing because the server went away. */
export type Outcome<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'refused'; readonly code: string }
  | { readonly kind: 'unknown'; readonly code: string };

/** Codes that say nothing about whether the request had its effect. */
const undecided: ReadonlySet<string> = new Set(['server.unreachable', 'server.busy', 'idempotency.in-progress']);

/** Asks once. A fault of the server is thrown: no crash excuses it. */
export const outcomeOf = async <T>(ask: () => Promise<T>): Promise<Outcome<T>> => {
  try {
    return { kind: 'answered', value: await ask() };
  } catch (error) {
    // The connection broke within the body of an answer.
    if (!(error instanceof DroverError)) return { kind: 'unknown', code: 'broken-off' };
    if (error.code === 'server.fault') throw error;
    return { kind: undecided.has(error.code) ? 'unknown' : 'refused', code: error.code };
  }
};

/** How long a repeated request may be told to wait after a restart. */
const patienceMs = 30_000;

/** Repeats a request under its idempotency key until it has an answer or a refusal. */
export const decided = async <T>(
  what: string,
  ask: () => Promise<T>,
): Promise<Exclude<Outcome<T>, { kind: 'unknown' }>> => {
  const giveUpAt = Date.now() + patienceMs;
  for (;;) {
    const outcome = await outcomeOf(ask);
    if (outcome.kind !== 'unknown') return outcome;
    if (Date.now() > giveUpAt) throw new Error(`${what}: still "${outcome.code}" ${patienceMs} ms after the restart`);
    await sleep(100);
  }
};
