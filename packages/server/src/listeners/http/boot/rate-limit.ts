/** A token bucket for each address. Addresses can be made up, so the table is bounded: the one used longest ago goes first. */
export interface RateLimit {
  /** True when the address may do one more. */
  allow(address: string): boolean;
}

export function createRateLimit(
  { perSecond, burst, most = 10_000 }: { readonly perSecond: number; readonly burst: number; readonly most?: number },
  now: () => number,
): RateLimit {
  const buckets = new Map<string, { tokens: number; at: number }>();
  return {
    allow: (address) => {
      const at = now();
      const bucket = buckets.get(address) ?? { tokens: burst, at };
      bucket.tokens = Math.min(burst, bucket.tokens + (Math.max(0, at - bucket.at) / 1000) * perSecond);
      bucket.at = at;
      buckets.delete(address);
      buckets.set(address, bucket);
      if (buckets.size > most) buckets.delete(buckets.keys().next().value!);
      if (bucket.tokens < 1) return false;
      bucket.tokens -= 1;
      return true;
    },
  };
}
