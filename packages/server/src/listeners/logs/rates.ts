/** How much of log datagrams is read. A kernel that is told to log writes all it has kept at once: a thousand lines and more. */
export interface LogRates {
  /** Datagrams a second of one address, and how many at once. */
  readonly perAddress: number;
  readonly burst: number;
  /** The same of all addresses together. */
  readonly total: number;
  readonly totalBurst: number;
}

export const defaultLogRates: LogRates = { perAddress: 200, burst: 4000, total: 4000, totalBurst: 40_000 };

interface Bucket {
  tokens: number;
  filledAt: number;
}

/** Token buckets, one for all and one for each address. Addresses can be forged: those without a bucket of their own share what is left. */
export interface RateLimit {
  /** Whether a datagram of this address may be read at `now` (ms). */
  admits(address: string, now: number): boolean;
}

export function createRateLimit(rates: LogRates, mostAddresses = 4096): RateLimit {
  const all: Bucket = { tokens: rates.totalBurst, filledAt: 0 };
  /** Insertion order is order of use. */
  const buckets = new Map<string, Bucket>();

  const fill = (bucket: Bucket, now: number, perSecond: number, burst: number): void => {
    bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, now - bucket.filledAt) / 1000) * perSecond);
    bucket.filledAt = now;
  };

  const bucketOf = (address: string, now: number): Bucket => {
    const known = buckets.get(address) ?? { tokens: rates.burst, filledAt: now };
    buckets.delete(address);
    buckets.set(address, known);
    if (buckets.size > mostAddresses) buckets.delete(buckets.keys().next().value!);
    return known;
  };

  return {
    admits: (address, now) => {
      const own = bucketOf(address, now);
      fill(own, now, rates.perAddress, rates.burst);
      fill(all, now, rates.total, rates.totalBurst);
      if (own.tokens < 1 || all.tokens < 1) return false;
      own.tokens -= 1;
      all.tokens -= 1;
      return true;
    },
  };
}
