import { refusal, success, type Principal, type Result } from '@drover/contract';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import type { Hashing, IdempotencyRecord } from './ports.js';

/** How long an answer is repeated. */
const keptMs = 24 * 3_600_000;
/** A first request that has not ended by then died with its server; the next one may try. */
const abandonedMs = 120_000;

export interface RequestFingerprint {
  readonly method: string;
  readonly path: string;
  /** The body as it came, or in any one canonical form. */
  readonly body: string;
}

/** One creation under an idempotency key: `scope` is the API key, so that two clients never meet. */
export interface IdempotencyToken {
  readonly scope: string;
  readonly key: string;
}

export type Begun =
  | { readonly kind: 'first'; readonly token: IdempotencyToken }
  /** Asked before: give this answer again. */
  | { readonly kind: 'replay'; readonly status: number; readonly answer: string };

export interface Idempotency {
  /** Refuses with idempotency.mismatch (another request under this key) or idempotency.in-progress. */
  readonly begin: (who: Principal, key: string, request: RequestFingerprint) => Promise<Result<Begun>>;
  /**
   * Keeps the answer. With `tx` it is kept in the transaction that does the work (see `Also` in app/store/ports), so that a crash cannot come between
   * the two.
   */
  readonly complete: (token: IdempotencyToken, status: number, answer: string, tx?: Transaction) => Promise<void>;
  /** The request was refused or failed: the key is free again. */
  readonly abandon: (token: IdempotencyToken) => Promise<void>;
  /** Forgets answers older than a day; returns how many. */
  readonly prune: () => Promise<number>;
}

export const createIdempotency = (deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly hashing: Hashing;
}): Idempotency => {
  const { store, clock, hashing } = deps;
  const before = (ms: number): string => new Date(clock.now() - ms).toISOString();
  const isOver = (record: IdempotencyRecord): boolean =>
    record.createdAt < before(record.answer === null ? abandonedMs : keptMs);
  return {
    begin: async (who, key, request) => {
      const fresh: IdempotencyRecord = {
        scope: who.key,
        key,
        fingerprint: hashing.sha256(`${request.method}\n${request.path}\n${request.body}`),
        status: null,
        answer: null,
        createdAt: before(0),
      };
      return store.transaction(async (tx) => {
        let known = await tx.idempotency.begin(fresh);
        if (known !== undefined && isOver(known)) {
          await tx.idempotency.forget(who.key, key);
          known = await tx.idempotency.begin(fresh);
        }
        return known === undefined ? success({ kind: 'first', token: { scope: who.key, key } }) : judge(known, fresh);
      });
    },
    complete: async (token, status, answer, tx) => {
      const write = (within: Transaction): Promise<void> =>
        within.idempotency.complete(token.scope, token.key, status, answer);
      await (tx === undefined ? store.transaction(write) : write(tx));
    },
    abandon: async (token) => {
      await store.transaction((tx) => tx.idempotency.forget(token.scope, token.key));
    },
    prune: async () => store.transaction((tx) => tx.idempotency.prune(before(keptMs))),
  };
};

/**
 * Frees every key whose first request has no answer; returns how many. For the start of a server that has the database for itself: whoever held them died
 * with its last life, and need not be waited for.
 */
export const abandonUnanswered = (store: Store): Promise<number> =>
  store.transaction((tx) => tx.idempotency.forgetUnanswered());

const judge = (known: IdempotencyRecord, asked: IdempotencyRecord): Result<Begun> => {
  if (known.fingerprint !== asked.fingerprint) {
    return refusal(
      'idempotency.mismatch',
      'This idempotency key was used for another request within the last 24 hours',
      {
        remedy: 'Use a fresh key for each thing to create, and the same key only to repeat the same request.',
      },
    );
  }
  if (known.status === null || known.answer === null) {
    return refusal('idempotency.in-progress', 'The first request with this idempotency key is still at work', {
      remedy: 'Ask again in a few seconds.',
    });
  }
  return success({ kind: 'replay', status: known.status, answer: known.answer });
};
