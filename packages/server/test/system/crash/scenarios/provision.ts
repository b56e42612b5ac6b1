import { setTimeout as sleep } from 'node:timers/promises';
import type { Device } from '@drover/contract';
import type { Client } from '@drover/sdk';
import { decided, outcomeOf, type Outcome } from '../asking.js';
import type { DeviceOperation } from '../ledger.js';
import { createRandom } from '../random.js';
import { fleetSize, type World } from '../world.js';
import type { Scenario } from './scenario.js';

const callers = 20;

/** One request under a key of its own, and what its caller knows of it. */
interface Asked {
  readonly key: string;
  readonly operation: DeviceOperation;
  readonly ask: (client: Client) => Promise<Device>;
  outcome: Outcome<Device>;
}

const draw = (key: string, seed: string): Omit<Asked, 'outcome'> => {
  const random = createRandom(seed);
  const options = { idempotencyKey: key };
  const image = random.pick(['base:1', 'other:1']);
  const ref = `fleet-${random.whole(0, fleetSize - 1)}`;
  const share = random.share();
  if (share < 0.4) {
    const target = random.share() < 0.6 ? { selector: 'group=fleet' } : { device: ref };
    return {
      key,
      operation: 'provision',
      ask: (client) => client.devices.provision({ body: { image, ...target } }, options),
    };
  }
  if (share < 0.8)
    return { key, operation: 'release', ask: (client) => client.devices.release({ params: { ref } }, options) };
  return {
    key,
    operation: 'reimage',
    ask: (client) => client.devices.reimage({ params: { ref }, body: { image } }, options),
  };
};

/** Asks one thing after the other until something is left unanswered or it is told to stop. */
const callOn = async (world: World, seed: string, all: Asked[], stopped: () => boolean): Promise<void> => {
  for (let count = 0; !stopped(); count += 1) {
    const drawn = draw(`${seed}-${count}`, `${seed}-${count}`);
    const asked: Asked = { ...drawn, outcome: await outcomeOf(() => drawn.ask(world.house.once)) };
    all.push(asked);
    if (asked.outcome.kind === 'unknown') return;
  }
};

const sample = 25;

/** A kill while twenty callers fight for ten boards: what each was told is true, and each state came about once. */
export const provisionScenario: Scenario = async ({ number, random, world, note }) => {
  const { house, ledger } = world;
  const victim = world.victim(random);
  const killAfter = random.whole(0, 120);
  const later = random.whole(0, 20);
  note(`${victim} killed ${later} ms after answer ${killAfter}`);
  const all: Asked[] = [];
  const run = `provision-${number}-${random.whole(0, 2 ** 31)}`;
  const kill = await house.arm(victim);
  let stop = false;
  const calling = Promise.all(
    Array.from({ length: callers }, (_, caller) => callOn(world, `${run}-${caller}`, all, () => stop)),
  );
  // A refusal is an answer as well.
  while (all.length < killAfter) await sleep(1);
  await sleep(later);
  kill.fire();
  await sleep(victim === 'boot' ? 50 : 0);
  stop = true;
  await calling;
  await kill.recovered();

  const known = all.filter(({ outcome }) => outcome.kind === 'answered');
  const open = all.filter(({ outcome }) => outcome.kind === 'unknown');
  note(`${all.length} requests, ${known.length} answered, ${open.length} left open`);
  for (const asked of open) asked.outcome = await decided(asked.operation, () => asked.ask(house.once));
  for (const { operation, outcome } of all)
    if (outcome.kind === 'answered') ledger.acknowledge(operation, outcome.value);
  for (const asked of random.shuffle(known).slice(0, sample)) {
    const again = await decided(asked.operation, () => asked.ask(house.once));
    if (JSON.stringify(again) !== JSON.stringify(asked.outcome))
      throw new Error(`${asked.operation} under the same key: ${JSON.stringify(again)}`);
  }
};
