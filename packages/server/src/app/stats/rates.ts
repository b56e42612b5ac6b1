/** Counters as they stood at a moment (ms since the epoch), by any name. */
export interface Reading {
  readonly at: number;
  readonly counts: Readonly<Record<string, number>>;
}

/** What was counted between two readings. A counter that stands lower than before began anew at 0 meanwhile: all it shows came since. */
export const grown = (before: number, now: number): number => (now < before ? now : now - before);

const ratesBetween = (before: Reading, now: Reading): Record<string, number> => {
  const seconds = (now.at - before.at) / 1000;
  return Object.fromEntries(
    Object.entries(now.counts).map(([name, value]) => [name, grown(before.counts[name] ?? 0, value) / seconds]),
  );
};

/** Rates per second, by the name of each counter. */
export type Rates = (reading: Reading | undefined) => Readonly<Record<string, number>>;

/**
 * Rates of counters that are read again and again. Readings may come at other moments than they are asked for: one that was seen already says what it said
 * before, so that nothing is counted twice and nothing looks like a pause. Without a reading (whoever counts is away), and at the first, nothing is told.
 */
export const createRates = (): Rates => {
  let before: Reading | undefined;
  let last: Readonly<Record<string, number>> = {};
  return (reading) => {
    if (reading === undefined) {
      last = {};
      return last;
    }
    if (before !== undefined && reading.at === before.at) return last;
    // The clock was set back: nothing can be told of the time between.
    last = before === undefined || reading.at < before.at ? {} : ratesBetween(before, reading);
    before = reading;
    return last;
  };
};
