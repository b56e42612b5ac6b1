import { refusal, success, type Principal, type Result } from '@drover/contract';
import { anyKeyPattern, endOf } from '../../domain/api-key.js';
import type { Clock, Log } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { Hashing, KeyRecord } from './ports.js';

/** `lastUsedAt` is renewed at most this often, so that a busy key does not write with every request. */
const touchEveryMs = 60_000;

export interface Authentication {
  /** Who a key belongs to. Refuses with auth.invalid, the same for a key never seen, revoked or expired. */
  readonly authenticate: (key: string) => Promise<Result<Principal>>;
  /** The same for whoever proved to have the key of this id: a session of the dashboard. */
  readonly authenticateHolder: (keyId: string) => Promise<Result<Principal>>;
  /** When a key that is a way in ends; undefined: it is none. Noted as a use of it. */
  readonly endOfKey: (key: string) => Promise<{ readonly expiresAt: string | null } | undefined>;
}

export const createAuthentication = (deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly hashing: Hashing;
  readonly log: Log;
}): Authentication => {
  const { store, clock, hashing, log } = deps;
  /** Keys whose touch is under way, so that many requests at once write once. */
  const touching = new Set<string>();

  const touch = async (key: KeyRecord, now: number): Promise<void> => {
    if (key.lastUsedAt !== null && now - Date.parse(key.lastUsedAt) < touchEveryMs) return;
    if (touching.has(key.id)) return;
    touching.add(key.id);
    try {
      await store.transaction((tx) => tx.keys.touch(key.id, new Date(now).toISOString()));
    } catch (error) {
      // Who may come in does not depend on whether we can note it.
      log.warn({ err: error, key: key.id }, 'could not note the use of an API key');
    } finally {
      touching.delete(key.id);
    }
  };

  const isOpen = (key: KeyRecord): boolean => endOf(key, new Date(clock.now()).toISOString()) === undefined;

  const find = async (key: string): Promise<KeyRecord | undefined> => {
    if (!anyKeyPattern.test(key)) return undefined;
    const hash = hashing.sha256(key);
    const found = await store.read((tx) => tx.keys.findByHash(hash));
    if (found === undefined || !hashing.equal(found.hash, hash)) return undefined;
    return isOpen(found) ? found : undefined;
  };

  const used = async (key: string): Promise<KeyRecord | undefined> => {
    const found = await find(key);
    if (found !== undefined) await touch(found, clock.now());
    return found;
  };

  return {
    endOfKey: used,
    authenticate: async (key) => {
      const found = await used(key);
      if (found === undefined) return invalid();
      return success(principalOf(found));
    },
    authenticateHolder: async (keyId) => {
      const found = await store.read((tx) => tx.keys.get(keyId));
      if (found === undefined || !isOpen(found)) return invalid();
      await touch(found, clock.now());
      return success(principalOf(found));
    },
  };
};

const principalOf = ({ id, name, tenant, role }: KeyRecord): Principal => ({ key: id, name, tenant, role });

const invalid = () =>
  refusal('auth.invalid', 'The API key is not known here, has expired or was revoked', {
    remedy: 'Check DROVER_KEY or the Authorization header; an admin makes a new key with `drover key create`.',
  });
