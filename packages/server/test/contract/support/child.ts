import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** How many random moments a loop tries, and where its chance begins. */
export const runs = Math.max(1, Math.round(3 * Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? '1')));
export const seed = Number(process.env['DROVER_TEST_SEED'] ?? '1');
/** For the time limit of a test with such a loop. */
export const runsTimeoutMs = 60_000 + runs * 30_000;

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
export const randomFrom = (start: number): (() => number) => {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/**
 * Runs a script beside this file, kills it with SIGKILL `delay` ms after it said "ready", and returns the lines it said (`what value`).
 */
export const runAndKill = async (script: string, settings: object, delay: number): Promise<[string, string][]> => {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const args = ['--conditions=drover-source', '--import', 'tsx', path, JSON.stringify(settings)];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  const exited = once(child, 'close');
  const said: [string, string][] = [];
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ready = new Promise<void>((resolve) => {
    createInterface(child.stdout).on('line', (line) => {
      const [what = '', value = ''] = line.split(' ');
      if (what === 'ready') resolve();
      said.push([what, value]);
    });
  });
  await Promise.race([ready, exited.then(() => Promise.reject(new Error(`${script} ended early: ${errors}`)))]);
  await sleep(delay);
  child.kill('SIGKILL');
  await exited;
  return said;
};
