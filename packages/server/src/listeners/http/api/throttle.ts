import { createHash } from 'node:crypto';
import type { Clock } from '../../../app/ports.js';

/** Failures an address may have at once, and how long one of them counts: 20 a minute in the long run. */
const capacity = 20;
const refillMs = 3000;
const maxEntries = 10_000;
const trustedForMs = 600_000;

/**
 * Slows down addresses that keep coming with keys that are not known, so that neither the database nor the audit trail can be flooded. Keys are far too
 * long to be guessed; so a good key behind the same address is let through where it was good lately, and after seconds otherwise.
 */
export interface Throttle {
  /** True when this attempt is refused without looking the key up, or the token of a session. */
  refuses(address: string, key: string, kind?: 'wrong-key' | 'wrong-session'): boolean;
  /** Counts a failure; true while the address has not had too many, and a row in the audit trail is due. */
  failed(address: string, kind: 'no-key' | 'wrong-key' | 'wrong-session'): boolean;
  succeeded(key: string): void;
}

/** An IPv6 customer has at least a /64, so that is what counts as one address. */
const bucketOf = (address: string): string =>
  address.includes(':') && !address.includes('.') ? address.split(':').slice(0, 4).join(':') : address;

const digest = (key: string): string => createHash('sha256').update(key).digest('base64');

/** Keeps a map from growing without bound: the entries longest there go first. */
const putBounded = <V>(map: Map<string, V>, key: string, value: V): void => {
  map.delete(key);
  map.set(key, value);
  if (map.size > maxEntries) {
    const oldest = map.keys().next();
    if (oldest.done !== true) map.delete(oldest.value);
  }
};

/** How many failures of each address still count. */
const createBuckets = (clock: Clock) => {
  const buckets = new Map<string, { level: number; at: number }>();
  const levelOf = (address: string): number => {
    const bucket = buckets.get(bucketOf(address));
    return bucket === undefined ? 0 : Math.max(0, bucket.level - (clock.now() - bucket.at) / refillMs);
  };
  return {
    isFull: (address: string): boolean => levelOf(address) > capacity - 1,
    add: (address: string): void => {
      putBounded(buckets, bucketOf(address), { level: Math.min(capacity, levelOf(address) + 1), at: clock.now() });
    },
  };
};

export const createThrottle = ({ clock }: { clock: Clock }): Throttle => {
  // Asking without a key costs nothing to answer, so it shuts nobody out. A browser whose session is over may still log in with a key.
  const buckets = {
    'no-key': createBuckets(clock),
    'wrong-key': createBuckets(clock),
    'wrong-session': createBuckets(clock),
  };
  const good = new Map<string, number>();
  return {
    refuses: (address, key, kind = 'wrong-key') => {
      if (!buckets[kind].isFull(address)) return false;
      const seen = good.get(digest(key));
      return seen === undefined || clock.now() - seen >= trustedForMs;
    },
    failed: (address, kind) => {
      const due = !buckets[kind].isFull(address);
      buckets[kind].add(address);
      return due;
    },
    succeeded: (key) => {
      putBounded(good, digest(key), clock.now());
    },
  };
};
