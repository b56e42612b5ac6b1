const limits = new WeakMap<AbortSignal, AbortSignal>();

/**
 * Aborts with the signal, or with a TimeoutError after so many ms. `AbortSignal.any` alone forgets the limit: it holds its sources weakly, and one of
 * `AbortSignal.timeout` that nobody holds is collected before its time, and then never aborts anything (seen with Node 20.20).
 */
export const withTimeLimit = (signal: AbortSignal, ms: number): AbortSignal => {
  const limit = AbortSignal.timeout(ms);
  const either = AbortSignal.any([signal, limit]);
  limits.set(either, limit);
  return either;
};
