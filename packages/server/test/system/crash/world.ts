import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Job } from '@drover/contract';
import { cacheDir } from '../../../../../e2e/inputs/cache.js';
import { fileSource, type CardFile, type CardPress } from './card.js';
import { openHouse, type House, type Victim } from './house.js';
import { createLedger, type Ledger } from './ledger.js';
import type { Random } from './random.js';

/** Boards that callers fight for. */
export const fleetSize = 10;
/** Boards that wait for roots, kept apart by a label. */
export const waitersSize = 3;

/** One data folder, its server, and what was acknowledged so far. */
export interface World {
  readonly house: House;
  readonly press: CardPress;
  readonly ledger: Ledger;
  /** How long jobs take here when nobody is killed, in ms. */
  readonly usual: { importing: number; packing: number };
  /** Learns from a job that was not disturbed. */
  readonly learn: (job: Job) => void;
  /** Draws whom to kill. */
  victim(random: Random): Victim;
  /** Uploads a card and begins its import; the import is acknowledged. */
  readonly beginImport: (card: CardFile, name: string) => Promise<{ image: string; job: string; upload: string }>;
  close(): Promise<void>;
}

/** Waits for the end of a job across restarts. */
export const endOf = (house: House, job: string): Promise<Job> =>
  house.client.waitForJob(job, { intervalMs: 50, signal: AbortSignal.timeout(120_000) });

/** So many falls in a row of one plane, and its next start comes so late that the test would take hours. */
const mostFalls = 4;

export const createDraw = (): World['victim'] => {
  const falls = { control: 0, boot: 0 };
  return (random) => {
    const share = random.share();
    const drawn = share < 0.5 ? 'control' : share < 0.6 ? 'boot' : share < 0.65 ? 'supervisor' : 'everything';
    if ((drawn === 'control' || drawn === 'boot') && falls[drawn] < mostFalls) {
      falls[drawn] += 1;
      return drawn;
    }
    falls.control = 0;
    falls.boot = 0;
    return drawn === 'supervisor' ? drawn : 'everything';
  };
};

const beginImport = async (
  house: House,
  ledger: Ledger,
  card: CardFile,
  name: string,
): Promise<{ image: string; job: string; upload: string }> => {
  const upload = await house.client.upload(fileSource(card.path, card.size), { filename: `${name}.${card.format}` });
  const image = await house.client.images.create({
    body: { name, version: '1', source: { kind: 'upload', upload: upload.id } },
  });
  if (image.job === null) throw new Error('an import has no job');
  ledger.imageAcknowledged(image.id, image.ref);
  return { image: image.id, job: image.job, upload: upload.id };
};

/** Starts a server in a new folder with an image that is ready, its root packed, and boards that may have it. */
export const openWorld = async (folder: string, press: CardPress): Promise<World> => {
  await mkdir(folder);
  const house = await openHouse(folder, {
    images: { importFrom: [folder] },
    helpers: { cacheDir: join(cacheDir, 'helpers') },
    jobs: { concurrency: 2 },
  });
  const ledger = createLedger(house);
  const usual = { importing: 1000, packing: 1000 };
  const world: World = {
    ...{ house, press, ledger, usual },
    learn: (job) => learnFrom(usual, job),
    victim: createDraw(),
    beginImport: (card, name) => beginImport(house, ledger, card, name),
    close: async () => {
      await house.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
  try {
    await settleIn(world);
    return world;
  } catch (error) {
    await world.close();
    throw error;
  }
};

/** The machine may be busier now than it was: the last job counts half. */
const learnFrom = (usual: World['usual'], { kind, state, attempts, startedAt, endedAt }: Job): void => {
  if (state !== 'succeeded' || attempts > 1 || startedAt === null || endedAt === null) return;
  const part = kind === 'image.import' ? 'importing' : 'packing';
  usual[part] = Math.round((usual[part] + Date.parse(endedAt) - Date.parse(startedAt)) / 2);
};

const settleIn = async ({ house, press, ledger, learn, beginImport: begin }: World): Promise<void> => {
  const { client } = house;
  const addDevice = async (name: string, index: number, group: string): Promise<void> => {
    const mac = `02:00:00:00:00:${index.toString(16).padStart(2, '0')}`;
    const device = await client.devices.create({ body: { name, mac, labels: { group } } });
    ledger.deviceAcknowledged(device);
  };
  for (let index = 0; index < fleetSize; index += 1) await addDevice(`fleet-${index}`, index, 'fleet');
  for (let index = 0; index < waitersSize; index += 1) await addDevice(`waiter-${index}`, 100 + index, 'waiters');

  for (const name of ['base', 'other']) {
    const card = await press.make('xz', name);
    const { job, image } = await begin(card, name);
    const ended = await endOf(house, job);
    expectSucceeded(ended);
    learn(ended);
    ledger.imageReady(image, card.disk);
    learn(await pack(house, ledger, `${name}:1`));
  }
  await ledger.settle();
};

/** The first board that needs an image's root has it packed. */
const pack = async (house: House, ledger: Ledger, image: string): Promise<Job> => {
  const device = await house.client.devices.provision({ body: { image, device: 'waiter-0' } });
  ledger.acknowledge('provision', device);
  const [job] = (await house.client.jobs.list({ query: { kind: 'image.root', limit: 1 } })).items;
  if (job === undefined) throw new Error(`${image} needs no root`);
  const ended = await endOf(house, job.id);
  expectSucceeded(ended);
  ledger.acknowledge('release', await house.client.devices.release({ params: { ref: device.id } }));
  return ended;
};

export const expectSucceeded = (job: Job): void => {
  if (job.state !== 'succeeded') throw new Error(`${job.kind} ${job.id} ${job.state}: ${JSON.stringify(job.error)}`);
};
