import { refusal, success, type Principal, type Result } from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import type { Clock, Ids } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { Authentication } from './authentication.js';
import type { Hashing } from './ports.js';

/** How long somebody stays logged in to the dashboard. */
const sessionMs = 12 * 3_600_000;
/** Browsers one key may be logged in with; the oldest goes when there is one more. */
const sessionsOfKey = 100;

/** 64 hex digits: 256 bits of chance, stored as their sha256. */
const tokenPattern = /^[0-9a-f]{64}$/;

export interface OpenedWebSession {
  readonly principal: Principal;
  /** What the browser is to hold; never shown again. */
  readonly token: string;
  readonly expiresAt: string;
  readonly maxAgeSeconds: number;
}

/** Sessions of the dashboard. Each is judged through its key at each request, so that it ends when that is revoked or expires. */
export interface WebSessions {
  /** Refuses with auth.invalid, or with auth.forbidden a key that may not even read. */
  readonly open: (key: string) => Promise<Result<OpenedWebSession>>;
  /** Who holds this token; auth.invalid when nobody does any more. */
  readonly authenticate: (token: string) => Promise<Result<Principal>>;
  /** Ends it. One that is not known is ended already. */
  readonly close: (token: string) => Promise<void>;
  /** Forgets those whose time is over; returns how many. */
  readonly prune: () => Promise<number>;
}

export const createWebSessions = (deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly hashing: Hashing;
  readonly authentication: Pick<Authentication, 'authenticate' | 'authenticateHolder'>;
}): WebSessions => {
  const { store, clock, ids, hashing, authentication } = deps;
  const now = (): string => new Date(clock.now()).toISOString();
  return {
    open: async (key) => {
      const found = await authentication.authenticate(key);
      if (!found.ok) return found;
      const refused = refuseBelow(found.value, 'reader');
      if (refused !== undefined) return refused;
      const token = ids.randomHex(32);
      const expiresAt = new Date(clock.now() + sessionMs).toISOString();
      const session = { hash: hashing.sha256(token), key: found.value.key, createdAt: now(), expiresAt };
      await store.transaction(async (tx) => {
        await tx.webSessions.insert(session);
        await tx.webSessions.trim(session.key, sessionsOfKey);
      });
      return success({ principal: found.value, token, expiresAt, maxAgeSeconds: sessionMs / 1000 });
    },
    authenticate: async (token) => {
      if (!tokenPattern.test(token)) return over();
      const hash = hashing.sha256(token);
      const session = await store.read((tx) => tx.webSessions.find(hash));
      if (session === undefined || session.expiresAt <= now()) return over();
      return authentication.authenticateHolder(session.key);
    },
    close: async (token) => {
      if (!tokenPattern.test(token)) return;
      await store.transaction((tx) => tx.webSessions.delete(hashing.sha256(token)));
    },
    prune: () => store.transaction((tx) => tx.webSessions.prune(now())),
  };
};

const over = () =>
  refusal('auth.invalid', 'This session of the dashboard has ended.', { remedy: 'Log in again with an API key.' });
