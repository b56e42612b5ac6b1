import { createHash } from 'node:crypto';
import type { Clock } from '../../../app/ports.js';

const windowMs = 60_000;
const maxFailures = 20;
const maxEntries = 10_000;
const trustedForMs = 600_000;

/** Refuses addresses that keep coming with keys that are not known, without shutting out a good key behind the same address. */
export interface Throttle {
  /** True when this attempt should be refused without looking the key up. */
  refuses(address: string, key: string | undefined): boolean;
  failed(address: string): void;
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

/** 20 failures from one address within a minute, then only keys that were good within ten minutes are looked at. */
export const createThrottle = ({ clock }: { clock: Clock }): Throttle => {
  const failures = new Map<string, { since: number; count: number }>();
  const good = new Map<string, number>();
  return {
    refuses(address, key) {
      const entry = failures.get(bucketOf(address));
      if (entry === undefined || clock.now() - entry.since >= windowMs || entry.count < maxFailures) return false;
      const seen = key === undefined ? undefined : good.get(digest(key));
      return seen === undefined || clock.now() - seen >= trustedForMs;
    },
    failed(address) {
      const bucket = bucketOf(address);
      const entry = failures.get(bucket);
      const fresh = entry === undefined || clock.now() - entry.since >= windowMs;
      putBounded(failures, bucket, fresh ? { since: clock.now(), count: 1 } : { ...entry, count: entry.count + 1 });
    },
    succeeded(key) {
      putBounded(good, digest(key), clock.now());
    },
  };
};
