import fc from 'fast-check';

/** How often random tests run: DROVER_TEST_RUNS_FACTOR times their own count, from DROVER_TEST_SEED, both printed. */
const factor = Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? '1');
const seed = Number(process.env['DROVER_TEST_SEED'] ?? '1');

/** fast-check's parameters for a property of this name. */
export const runs = (name: string, base: number): { readonly numRuns: number; readonly seed: number } => {
  const numRuns = Math.max(1, Math.round(base * factor));
  console.log(`simulator: ${name}: ${numRuns} runs, seed ${seed}`);
  return { numRuns, seed };
};

/** Runs a property that many times. */
export function check<Values>(name: string, base: number, property: fc.IProperty<Values>): void;
export function check<Values>(name: string, base: number, property: fc.IAsyncProperty<Values>): Promise<void>;
export function check<Values>(
  name: string,
  base: number,
  property: fc.IProperty<Values> | fc.IAsyncProperty<Values>,
): void | Promise<void> {
  return fc.assert(property as fc.IProperty<Values>, runs(name, base));
}

/** A count that grows with the soak. */
export const times = (base: number): number => Math.max(1, Math.round(base * factor));
