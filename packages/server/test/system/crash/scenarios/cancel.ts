import { setTimeout as sleep } from 'node:timers/promises';
import type { Job } from '@drover/contract';
import { decided, outcomeOf, type Outcome } from '../asking.js';
import { cardFormats } from '../card.js';
import { judgeDisk } from '../storage.js';
import { endOf, type World } from '../world.js';
import { askForImage, freshImage, packingJob, tidyUp, waiters } from './packing.js';
import { momentIn, strikeIn, type Moment, type Scenario } from './scenario.js';

/** Cancels a job at a random moment and kills around it; gives how the job ended. */
const cancelAndKill = async (
  { random, world, note }: Moment,
  job: string,
  begun: () => Promise<void>,
): Promise<Job> => {
  const { house } = world;
  const victim = world.victim(random);
  // Less than nothing: the kill comes first.
  const lead = random.whole(-20, 300);
  note(`${victim} killed ${lead} ms after the cancel`);
  const kill = await house.arm(victim);
  const cancel = () => house.once.jobs.cancel({ params: { id: job } });
  await begun();
  const asked: Promise<Outcome<Job>> = sleep(Math.max(0, -lead)).then(() => outcomeOf(cancel));
  await sleep(Math.max(0, lead));
  kill.fire();
  const outcome = await asked;
  await kill.recovered();
  if (outcome.kind === 'refused' && outcome.code !== 'job.finished') throw new Error(`refused: ${outcome.code}`);
  const ended = await endOf(house, job);
  note(`the cancel was ${outcome.kind}, the job ${ended.state} at attempt ${ended.attempts}`);
  if (outcome.kind === 'answered' && !ended.cancelRequested) throw new Error('an acknowledged cancel was forgotten');
  if (ended.state === 'failed') throw new Error(`the job failed: ${JSON.stringify(ended.error)}`);
  if (ended.state === 'cancelled' && !ended.cancelRequested) throw new Error('it was cancelled by nobody');
  return ended;
};

const cancelImport = async (moment: Moment): Promise<void> => {
  const { world, number, random } = moment;
  const { house, ledger, press } = world;
  const name = `cancel-${number}`;
  const card = await press.make(random.pick(cardFormats), name);
  const { image, job, upload } = await world.beginImport(card, name);
  const ended = await cancelAndKill(moment, job, strikeIn(moment, card.disk));
  if (ended.state === 'succeeded') {
    ledger.imageReady(image, card.disk);
    await judgeDisk(house, card.disk);
  } else {
    ledger.imageGone(image);
  }
  const left = await outcomeOf(() => house.client.uploads.get({ params: { id: upload } }));
  if (left.kind !== 'refused') throw new Error('the upload of a cancelled import is still there');
};

const cancelPacking = async (moment: Moment): Promise<void> => {
  const { world, number, random, note } = moment;
  const { ledger, usual } = world;
  const image = await freshImage(world, `cancel-${number}`);
  const requests = askForImage(moment, image, 0);
  for (const { asked, ask } of requests) {
    await asked;
    const outcome = await decided('provision', ask);
    if (outcome.kind !== 'answered') throw new Error(`a free board was refused: ${outcome.code}`);
    ledger.acknowledge('provision', outcome.value);
  }
  const job = await packingJob(world, image);
  if (job === undefined) throw new Error('nobody packs the root');
  const wait = momentIn(random, usual.packing);
  note(`${wait} ms into the packing`);
  const ended = await cancelAndKill(moment, job.id, () => sleep(wait));
  await judgeWaiters(world, ended);
  await tidyUp(world, image);
};

/** The boards have their root, or say why they cannot have it. */
const judgeWaiters = async ({ house }: World, { state: end }: Job): Promise<void> => {
  for (const ref of waiters) {
    const { state, stateReason } = await house.client.devices.get({ params: { ref } });
    const fits = end === 'succeeded' ? state === 'in-use' : state === 'failed' && stateReason !== null;
    if (!fits) throw new Error(`${ref} is ${state} (${stateReason}) when the job ${end}`);
  }
};

/** A kill around the cancel of a job: it ends either way, and what is left fits how it ended. */
export const cancelScenario: Scenario = (moment) =>
  moment.random.share() < 0.6 ? cancelImport(moment) : cancelPacking(moment);
