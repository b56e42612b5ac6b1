/** Loops take their count and seed from the environment, so that the soak runs the same tests longer. */
/** 1 in the gate, more in the soak. */
export const factor = Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? '1');
export const seed = Number(process.env['DROVER_TEST_SEED'] ?? '20261127');

/** The count for this run, printed with the seed. */
export function announceMoments(name: string, base: number): number {
  const count = Math.max(1, Math.round(base * factor));
  console.log(`${name}: seed ${seed}, ${count} moments`);
  return count;
}

/** How long a loop may take, in milliseconds: far more than it needs on a machine that does nothing else. */
export const loopTimeout = (moments: number): number => 120_000 * Math.max(1, factor) + moments * 60_000;
