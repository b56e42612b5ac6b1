import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createCardPress, type CardPress } from './crash/card.js';
import { createRandom } from './crash/random.js';
import { cancelScenario } from './crash/scenarios/cancel.js';
import { importScenario } from './crash/scenarios/import.js';
import { packingScenario } from './crash/scenarios/packing.js';
import { provisionScenario } from './crash/scenarios/provision.js';
import type { Scenario } from './crash/scenarios/scenario.js';
import { uploadScenario } from './crash/scenarios/upload.js';
import { judgeBlobs, judgeFolder } from './crash/storage.js';
import { openWorld, type World } from './crash/world.js';

const seed = process.env['DROVER_TEST_SEED'] ?? '20261122';
/** DROVER_TEST_MOMENT=17 runs that moment alone. */
const alone = process.env['DROVER_TEST_MOMENT'];

/** How often each kind of moment comes in a round; the order is drawn. */
const deck: readonly (readonly [name: string, scenario: Scenario, times: number])[] = [
  ['upload', uploadScenario, 5],
  ['import', importScenario, 7],
  ['provision', provisionScenario, 6],
  ['packing', packingScenario, 4],
  ['cancel', cancelScenario, 3],
];
const cards = deck.flatMap(([name, scenario, times]) => Array.from({ length: times }, () => ({ name, scenario })));
const total = Math.max(1, Math.round(cards.length * Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? 1)));
const wanted = alone === undefined ? Array.from({ length: total }, (_, index) => index + 1) : [Number(alone)];

let folder: string;
let press: CardPress;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-crash-'));
  press = await createCardPress(folder);
}, 1_800_000);
afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

const roundOf = (number: number): number => Math.floor((number - 1) / cards.length);
const cardOf = (number: number): (typeof cards)[number] | undefined =>
  createRandom(`${seed}/round ${roundOf(number)}`).shuffle(cards)[(number - 1) % cards.length];

/** One moment; returns what is wrong, in words that let it be run again. */
const runMoment = async (world: World, number: number): Promise<string | undefined> => {
  const card = cardOf(number);
  if (card === undefined) throw new Error(`there is no moment ${number}`);
  const notes: string[] = [];
  const random = createRandom(`${seed}/moment ${number}`);
  const startedAt = Date.now();
  try {
    await card.scenario({ number, random, world, note: (text) => notes.push(text) });
    await judgeFolder(world.house);
    await world.ledger.settle();
    return undefined;
  } catch (error) {
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return `moment ${number} (${card.name}; again: DROVER_TEST_SEED=${seed} DROVER_TEST_MOMENT=${number}): ${notes.join('; ')}\n${reason}\n${world.house.log()}`;
  } finally {
    if (process.env['DROVER_TEST_VERBOSE'] !== undefined)
      console.log(`moment ${number} ${card.name}: ${Date.now() - startedAt} ms; ${notes.join('; ')}`);
  }
};

/** The moments of one round on one data folder. A failed one may have left anything, so the next begins with a new folder. */
const runRound = async (numbers: readonly number[], failures: string[]): Promise<void> => {
  const rest = [...numbers];
  while (rest.length > 0) {
    const world = await openWorld(join(folder, 'world'), press);
    try {
      let failure: string | undefined;
      while (failure === undefined && rest.length > 0) failure = await runMoment(world, rest.shift() ?? 0);
      failure ??= await judgeBlobs(world.house).then(
        () => undefined,
        (error: unknown) => `blobs after moment ${numbers.at(-1)}: ${String(error)}\n${world.house.log()}`,
      );
      if (failure !== undefined) failures.push(failure);
    } finally {
      await world.close();
    }
  }
};

it(
  'kill -9 at any moment of upload, import, provisioning and packing loses nothing acknowledged and leaves nothing half done',
  async () => {
    const failures: string[] = [];
    console.log(`kill -9: seed ${seed}, ${wanted.length} moments`);
    for (let round = 0; round <= roundOf(wanted.at(-1) ?? 1); round += 1)
      await runRound(
        wanted.filter((number) => roundOf(number) === round),
        failures,
      );
    for (const failure of failures) console.error(failure);
    console.log(`loop kill-9: ${wanted.length} moments, ${failures.length} failures`);
    expect(failures).toEqual([]);
  },
  Math.max(1, wanted.length) * 120_000 + 600_000,
);
