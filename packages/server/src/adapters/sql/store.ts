import { AsyncLocalStorage } from 'node:async_hooks';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { sql, type Kysely } from 'kysely';
import { refusal, RefusedError, type Refusal } from '@drover/contract';
import type { NewEvent } from '../../app/events/ports.js';
import type { Store, Transaction } from '../../app/store/ports.js';
import { flushEvents } from './repositories/events.js';
import { createRepositories } from './repositories/index.js';
import type { Tables } from './schema.js';
import type { Traits } from './traits.js';

/** Attempts of one transaction before it is refused as busy: with the waits between them some ten seconds. */
const maxAttempts = 60;
const longestWaitMs = 250;
/** Attempts where the error may as well be a fault that comes back every time. */
const maxRaces = 3;

interface StoreDeps {
  readonly db: Kysely<Tables>;
  readonly traits: Traits;
  /** Called after each commit that wrote events, with the highest id. */
  readonly onEvents: (lastId: number) => void;
}

/** The Store over one database: see app/store/ports.ts for what it promises. */
export const createStore = ({ db, traits, onEvents }: StoreDeps): Store => {
  const within = new AsyncLocalStorage<{ active: boolean }>();

  /** A second transaction would wait for the first, which waits for it: refuse instead. */
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    if (within.getStore()?.active === true) {
      throw new Error('a transaction was begun within another one: hand the outer one on instead');
    }
    const scope = { active: true };
    try {
      return await within.run(scope, work);
    } finally {
      scope.active = false;
    }
  };

  const attempt = async <T>(
    on: Kysely<Tables>,
    work: (tx: Transaction) => Promise<T>,
  ): Promise<{ value: T; lastId: number | undefined }> =>
    on
      .transaction()
      .setIsolationLevel('serializable')
      .execute(async (trx) => {
        const pendingEvents: NewEvent[] = [];
        const context = { db: trx, traits, pendingEvents };
        const value = await work(createRepositories(context));
        return { value, lastId: await flushEvents(context) };
      });

  const retried = async <T>(run: (on: Kysely<Tables>) => Promise<T>): Promise<T> => {
    for (let attempts = 1; ; attempts += 1) {
      try {
        return await guarded(() => (attempts === 1 ? run(db) : traits.inTurn(db, run)));
      } catch (error) {
        const reason = traits.classify(error);
        if (reason === 'full') throw refusedBecause(full, error);
        if (reason === 'away') throw refusedBecause(away, error);
        if (reason === 'busy' || (reason === 'conflict' && attempts >= maxAttempts)) {
          throw refusedBecause(busy, error);
        }
        if (reason === undefined || (reason === 'race' && attempts >= maxRaces)) throw error;
        await sleep(randomInt(1, Math.min(longestWaitMs, 2 ** Math.min(attempts + 1, 16)) + 1));
      }
    }
  };

  return {
    transaction: async (work) => {
      const { value, lastId } = await retried((on) => attempt(on, work));
      if (lastId !== undefined) onEvents(lastId);
      return value;
    },
    read: async (work) =>
      retried((on) =>
        on
          .transaction()
          .setIsolationLevel('repeatable read')
          .setAccessMode('read only')
          .execute((trx) => work(createRepositories({ db: trx, traits, pendingEvents: readOnlyEvents() }))),
      ),
    ping: async () => {
      await sql`select 1`.execute(db);
    },
  };
};

const full = refusal('storage.full', 'The disk of the database is full; nothing was changed', {
  remedy: 'Free space in the data folder or on the database server, for example with `drover blob collect`.',
});
const busy = refusal('server.busy', 'The database did not come to this change in time; nothing was changed', {
  remedy: 'Try again.',
});

const away = refusal('server.busy', 'The database cannot be reached; nothing was changed', {
  remedy: 'Try again when it is back; /readyz of the server says so.',
});

const refusedBecause = (refused: Refusal, cause: unknown): RefusedError =>
  Object.assign(new RefusedError(refused), { cause });

/** Nothing flushes the events of a read, so appending one must not pass silently. */
const readOnlyEvents = (): NewEvent[] =>
  new Proxy<NewEvent[]>([], {
    set: () => {
      throw new Error('an event was appended within a read');
    },
  });
