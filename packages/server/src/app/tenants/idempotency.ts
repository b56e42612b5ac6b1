import { refusal, RefusedError, success, type Principal, type Result } from '@drover/contract';
import type { Clock, Ids } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import type { Hashing, IdempotencyRecord } from './ports.js';

/** How long an answer is repeated. */
const keptMs = 24 * 3_600_000;
/**
 * A first request that has not ended by then died with its server, and that server has not come back: the next one may try. Should it be alive all the
 * same, it finds that it lost its place before it commits.
 */
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
  readonly owner: string;
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
   * the two. Throws RefusedError idempotency.in-progress when another request took this one's place.
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
  readonly ids: Ids;
  readonly hashing: Hashing;
  /** Name of this server, the same in each of its lives: see {@link abandonUnanswered}. */
  readonly server: string;
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
        owner: `${deps.server}#${deps.ids.randomHex(8)}`,
      };
      return store.transaction(async (tx) => {
        let known = await tx.idempotency.begin(fresh);
        if (known !== undefined && isOver(known)) {
          await tx.idempotency.forget(known);
          known = await tx.idempotency.begin(fresh);
        }
        return known === undefined ? success({ kind: 'first', token: fresh }) : judge(known, fresh);
      });
    },
    complete: async (token, status, answer, tx) => {
      const write = async (within: Transaction): Promise<void> => {
        if (!(await within.idempotency.complete(token, status, answer))) throw new RefusedError(overtaken());
      };
      await (tx === undefined ? store.transaction(write) : write(tx));
    },
    abandon: async (token) => {
      await store.transaction((tx) => tx.idempotency.forget(token));
    },
    prune: async () => store.transaction((tx) => tx.idempotency.prune(before(keptMs))),
  };
};

/**
 * Frees every key whose first request this server began and never answered; returns how many. For its start: whoever held them died with its last life,
 * and need not be waited for. What other servers on the same database are at work with stays.
 */
export const abandonUnanswered = (store: Store, server: string): Promise<number> =>
  store.transaction((tx) => tx.idempotency.forgetUnanswered(`${server}#`));

const overtaken = () =>
  refusal(
    'idempotency.in-progress',
    'This request took so long that another one with its idempotency key took its place',
    {
      remedy: 'Ask again in a few seconds for the answer of that one.',
    },
  );

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
    const freeAt = new Date(Date.parse(known.createdAt) + abandonedMs).toISOString();
    return refusal('idempotency.in-progress', 'The first request with this idempotency key is still at work', {
      remedy: `Ask again in a few seconds. Should its server have died, the key is free when that is back, or at ${freeAt}.`,
    });
  }
  return success({ kind: 'replay', status: known.status, answer: known.answer });
};
