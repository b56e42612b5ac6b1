/** Loops take their count and seed from the environment, so that the soak runs the same tests longer. */
const factor = Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? '1');
/** What takes long is done for a sample in the gate and for everything in the soak. */
export const isSoak = factor >= 20;
export const seed = Number(process.env['DROVER_TEST_SEED'] ?? '20231114');

/** How long a loop may take, in milliseconds: far more than it needs on a machine that does nothing else. */
export const loopTimeout = 60_000 * Math.max(1, factor);

/** The count for this run, printed with the seed. */
export function announceRuns(name: string, base: number): number {
  const runs = Math.max(1, Math.round(base * factor));
  console.log(`fuzz disk-image/${name}: ${runs} cases, seed ${seed}`);
  return runs;
}

/** A small deterministic generator (mulberry32): numbers in [0, 1). */
export function createRandom(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}
