/** Ms before a crashed plane is started again: doubling from 200 ms to 10 s; a run of a minute counts as well again. */
export interface BackOff {
  started(now: number): void;
  nextDelay(now: number): number;
}

export const createBackOff = (): BackOff => {
  let failures = 0;
  let startedAt = 0;
  return {
    started: (now) => {
      startedAt = now;
    },
    nextDelay: (now) => {
      failures = now - startedAt > 60_000 ? 0 : failures + 1;
      return Math.min(10_000, 200 * 2 ** Math.max(0, failures - 1));
    },
  };
};
