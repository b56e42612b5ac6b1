import { truncate, copyFile } from 'node:fs/promises';
import type { ImageCreate, Job } from '@drover/contract';
import { decided, outcomeOf } from '../asking.js';
import { cardFormats, fileSource, type CardFile } from '../card.js';
import type { Random } from '../random.js';
import { judgeDisk } from '../storage.js';
import { endOf, expectSucceeded, type World } from '../world.js';
import { strikeIn, type Scenario } from './scenario.js';

/** What is wrong with the image, if anything. */
type Flaw = 'none' | 'wrong-digest' | 'cut-short';
const codes: Readonly<Record<Flaw, string | undefined>> = {
  none: undefined,
  'wrong-digest': 'image.digest-mismatch',
  'cut-short': 'image.broken',
};

const flawed = async (card: CardFile, flaw: Flaw): Promise<CardFile> => {
  if (flaw !== 'cut-short') return card;
  const path = `${card.path}.short`;
  const size = Math.floor(card.size * 0.8);
  await copyFile(card.path, path);
  await truncate(path, size);
  return { ...card, path, size };
};

/** How a job that came to no good must have ended. */
const judgeRefusal = async ({ house, ledger }: World, image: string, job: Job, code: string): Promise<void> => {
  if (job.state !== 'failed' || job.error?.code !== code)
    throw new Error(`a bad image: the job ${job.state} with ${JSON.stringify(job.error)} and not with ${code}`);
  ledger.imageGone(image);
  const shown = await outcomeOf(() => house.client.images.get({ params: { ref: image } }));
  if (shown.kind !== 'refused' || shown.code !== 'image.not-found') throw new Error('a bad image is still there');
};

const drawFlaw = (random: Random, format: CardFile['format']): Flaw => {
  const share = random.share();
  if (share < 0.12) return 'wrong-digest';
  return share < 0.24 && format !== 'img' ? 'cut-short' : 'none';
};

/** A kill while an image is imported: it is ready once with the right bytes, or it is gone with its name free. */
export const importScenario: Scenario = async (moment) => {
  const { number, random, world, note } = moment;
  const { house, press, ledger } = world;
  const name = `import-${number}`;
  const format = random.pick(cardFormats);
  const flaw = drawFlaw(random, format);
  const victim = world.victim(random);
  note(`${format}, flaw ${flaw}, ${victim} killed`);

  const card = await flawed(await press.make(format, name), flaw);
  const upload = await house.client.upload(fileSource(card.path, card.size), { filename: `${name}.${format}` });
  const body: ImageCreate = {
    name,
    version: '1',
    shared: false,
    source: { kind: 'upload', upload: upload.id },
    ...(flaw === 'wrong-digest' ? { sha256: '0'.repeat(64) } : {}),
  };
  const create = () => house.once.images.create({ body }, { idempotencyKey: name });

  const strike = strikeIn(moment, card.disk);
  const kill = await house.arm(victim);
  const asked = outcomeOf(create);
  await strike();
  kill.fire();
  const first = await asked;
  await kill.recovered();
  const image = await decided('the import', create);
  if (image.kind !== 'answered') throw new Error(`the import was refused: ${image.code}`);
  if (first.kind === 'answered' && first.value.id !== image.value.id) throw new Error('two imports under one key');
  const { id, ref, job } = image.value;
  ledger.imageAcknowledged(id, ref);

  const ended = await endOf(house, job ?? '');
  note(`the job ${ended.state} at attempt ${ended.attempts}`);
  world.learn(ended);
  const code = codes[flaw];
  if (code === undefined) {
    expectSucceeded(ended);
    ledger.imageReady(id, card.disk);
    await judgeDisk(house, card.disk);
  } else {
    await judgeRefusal(world, id, ended, code);
  }
  const used = await outcomeOf(() => house.client.uploads.get({ params: { id: upload.id } }));
  if (used.kind !== 'refused') throw new Error('the upload of an import that ended is still there');
};
