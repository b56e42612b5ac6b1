import fc from 'fast-check';

const factor = Number(process.env.DROVER_TEST_RUNS_FACTOR ?? 1);
/** Shared by every property and loop of a run, so that one number repeats it. */
export const seed = Number(process.env.DROVER_TEST_SEED ?? Date.now() & 0x7fff_ffff);

/** For tests that loop: a soak may take its time. */
export const soak = { timeout: 20_000 * Math.max(1, factor) };

/** How many cases a loop of `base` runs, said aloud with the seed that repeats them. */
export function cases(name: string, base: number): number {
  const count = Math.ceil(base * factor);
  console.log(`fuzz ${name}: ${count} cases (DROVER_TEST_SEED=${seed})`);
  return count;
}

/** A fast-check property, run `base` × DROVER_TEST_RUNS_FACTOR times. */
export function holds<T>(name: string, base: number, arbitrary: fc.Arbitrary<T>, property: (value: T) => void): void {
  fc.assert(fc.property(arbitrary, property), { numRuns: cases(name, base), seed });
}

/** Random numbers that depend on the seed only: mulberry32. Whole numbers from 0 to `below` - 1. */
export function randomFrom(start: number): (below: number) => number {
  let state = start >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
