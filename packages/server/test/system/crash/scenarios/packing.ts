import { setTimeout as sleep } from 'node:timers/promises';
import type { Device, Job } from '@drover/contract';
import { decided, outcomeOf, type Outcome } from '../asking.js';
import { cardFormats } from '../card.js';
import { endOf, expectSucceeded, waitersSize, type World } from '../world.js';
import { momentIn, type Moment, type Scenario } from './scenario.js';

/** An image nobody booted yet. */
export const freshImage = async (
  { house, press, ledger, learn, beginImport }: World,
  name: string,
): Promise<string> => {
  const card = await press.make(cardFormats[0], name);
  const { image, job } = await beginImport(card, name);
  const ended = await endOf(house, job);
  expectSucceeded(ended);
  learn(ended);
  ledger.imageReady(image, card.disk);
  return image;
};

export const waiters = Array.from({ length: waitersSize }, (_, index) => `waiter-${index}`);

/** The job that packs an image's root, once there is one. */
export const packingJob = async ({ house }: World, image: string): Promise<Job | undefined> =>
  (await house.client.jobs.list({ query: { kind: 'image.root', subject: image, limit: 1 } })).items[0];

/** Frees the boards and throws the image away again. */
export const tidyUp = async ({ house, ledger }: World, image: string): Promise<void> => {
  for (const ref of waiters) {
    const device = await house.client.devices.get({ params: { ref } });
    if (device.state !== 'available')
      ledger.acknowledge('release', await house.client.devices.release({ params: { ref } }));
  }
  await house.client.images.delete({ params: { ref: image } });
  ledger.imageDeleted(image);
};

/** Asks for the image on every waiting board, one after the other with pauses; a broken connection leaves it open. */
export const askForImage = ({ world, number, random }: Moment, image: string, overMs: number) =>
  waiters.map((device, index) => {
    const options = { idempotencyKey: `packing-${number}-${index}` };
    const ask = (): Promise<Device> => world.house.once.devices.provision({ body: { image, device } }, options);
    const wait = index === 0 ? 0 : random.whole(0, Math.round(overMs));
    const asked: Promise<Outcome<Device>> = sleep(wait).then(() => outcomeOf(ask));
    return { ask, asked };
  });

/** A kill while a root is packed for boards that wait: they have it in the end, and none waits for ever. */
export const packingScenario: Scenario = async (moment) => {
  const { number, random, world, note } = moment;
  const { house, ledger, usual } = world;
  const image = await freshImage(world, `packing-${number}`);
  const victim = world.victim(random);
  const wait = momentIn(random, usual.packing);
  note(`${victim} killed ${wait} ms after the first board asked`);
  const kill = await house.arm(victim);
  const requests = askForImage(moment, image, usual.packing);
  await sleep(wait);
  kill.fire();
  for (const { asked } of requests) await asked;
  await kill.recovered();
  for (const { ask } of requests) {
    const outcome = await decided('provision', ask);
    if (outcome.kind !== 'answered') throw new Error(`a free board was refused: ${outcome.code}`);
    ledger.acknowledge('provision', outcome.value);
  }
  const job = await packingJob(world, image);
  if (job === undefined) throw new Error('nobody packs the root');
  const ended = await endOf(house, job.id);
  note(`the job ${ended.state} at attempt ${ended.attempts}`);
  expectSucceeded(ended);
  world.learn(ended);
  for (const ref of waiters) {
    const { state } = await house.client.devices.get({ params: { ref } });
    if (state !== 'in-use') throw new Error(`${ref} is ${state} when its root is packed`);
  }
  await tidyUp(world, image);
};
