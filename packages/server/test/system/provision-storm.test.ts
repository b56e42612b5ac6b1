import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cacheDir } from '../../../../e2e/inputs/cache.js';
import type { Device, Disk, RootMode } from '@drover/contract';
import type { DroverError } from '@drover/sdk';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decided, outcomeOf, type Outcome } from './crash/asking.js';
import { createCardPress, fileSource } from './crash/card.js';
import { openHouse, type House } from './crash/house.js';
import { createRandom } from './crash/random.js';
import { createDraw, expectSucceeded } from './crash/world.js';
import { freePort, until } from './server.js';

// Twice as many callers as boards, each board with a disk or a directory of its own, and a server that is killed in the middle of it.

const seed = process.env['DROVER_TEST_SEED'] ?? '20261122';
const alone = process.env['DROVER_TEST_MOMENT'];
const count = Math.max(1, Math.round(50 * Number(process.env['DROVER_TEST_RUNS_FACTOR'] ?? 1)));
const moments = alone === undefined ? Array.from({ length: count }, (_, index) => index + 1) : [Number(alone)];
/** In the storms that are killed; the one that is not has five times as many. */
const boards = 20;
const all = 100;

let folder: string;
let house: House;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-storm-'));
  const press = await createCardPress(folder);
  house = await openHouse(folder, {
    helpers: { cacheDir: join(cacheDir, 'helpers') },
    jobs: { concurrency: 4 },
    nfs: { driver: 'ganesha', clone: 'overlay', port: await freePort(), mountPort: await freePort() },
  });
  const { client } = house;
  const card = await press.make('img', 'storm');
  const upload = await client.upload(fileSource(card.path, card.size), { filename: 'storm.img' });
  const source = { kind: 'upload' as const, upload: upload.id };
  const image = await client.images.create({ body: { name: 'storm', version: '1', source } });
  expectSucceeded(await client.waitForJob(image.job ?? ''));
  for (let index = 0; index < all; index += 1) {
    const mac = `02:00:00:00:01:${index.toString(16).padStart(2, '0')}`;
    const labels: Record<string, string> = index < boards ? { storm: 'small' } : {};
    await client.devices.create({ body: { name: `board-${index}`, mac, labels } });
  }
}, 1_800_000);
afterAll(async () => {
  await house?.stop();
  await rm(folder, { recursive: true, force: true });
});

interface Asked {
  readonly ask: () => Promise<Device>;
  outcome: Outcome<Device>;
}

const rootModes: readonly RootMode[] = ['nbd', 'nfs'];

/** Everybody asks at once for any board, under a key of its own, every other one for a directory. */
const storm = (run: string, callers: number, selector: string | undefined): Promise<Asked[]> =>
  Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      const chosen = selector === undefined ? { any: true } : { selector };
      const body = { image: 'storm:1', rootMode: rootModes[caller % 2]!, ...chosen };
      const ask = (): Promise<Device> => house.once.devices.provision({ body }, { idempotencyKey: `${run}-${caller}` });
      return { ask, outcome: await outcomeOf(ask) };
    }),
  );

const everything = async <T>(pages: AsyncIterable<T>): Promise<T[]> => {
  const found: T[] = [];
  for await (const each of pages) found.push(each);
  return found;
};
const devices = (): Promise<Device[]> => everything(house.client.each('listDevices', {}));
const disks = (): Promise<Disk[]> => everything(house.client.each('listDisks', {}));

/** No job is waiting or at work. */
const calm = (): Promise<void> =>
  until(
    'no job is left',
    async () => {
      const found = await Promise.all(
        (['queued', 'running'] as const).map((state) => house.client.jobs.list({ query: { state, limit: 1 } })),
      );
      return found.every(({ items }) => items.length === 0);
    },
    180_000,
  );

/** What is of boards in the data folder: files of block devices, directories, and what is mounted there. */
const held = async (): Promise<{ files: number; directories: number; mounts: number }> => {
  const names = await readdir(join(house.dataDir, 'disks'), { recursive: true });
  const directories = join(house.dataDir, 'nfs', 'disks');
  const mounts = await readFile('/proc/self/mounts', 'utf8');
  return {
    files: names.filter((name) => name.endsWith('.qcow2')).length,
    directories: (await readdir(directories)).length,
    mounts: mounts.split('\n').filter((line) => line.split(' ')[1]?.startsWith(`${directories}/`)).length,
  };
};
const nothing = { files: 0, directories: 0, mounts: 0 };

/** What nfs-ganesha gives to anybody: no board of these has ever booted. */
const exported = async (): Promise<number> =>
  (await readFile(join(house.dataDir, 'nfs', 'ganesha', 'exports.conf'), 'utf8')).split('EXPORT {').length - 1;

/** What has to hold when all is calm; throws what does not. */
async function judge(asked: readonly Asked[], wanted: number): Promise<void> {
  const given = asked.flatMap(({ outcome }) => (outcome.kind === 'answered' ? [outcome.value.id] : []));
  expect(new Set(given).size, 'boards given twice').toBe(given.length);
  expect(given.length, 'boards given').toBe(wanted);
  const refusals = asked.flatMap(({ outcome }) => (outcome.kind === 'answered' ? [] : [outcome.code]));
  expect([...new Set(refusals)], 'refusals').toEqual(['device.none-available']);
  const used = (await devices()).filter(({ state }) => state !== 'available');
  expect(used.map(({ id }) => id).sort(), 'boards in use').toEqual([...given].sort());
  expect(new Set(used.map(({ state }) => state)), 'states').toEqual(new Set(['in-use']));
  const roots = await disks();
  const byDisk = roots.map(({ id, device, state }) => `${id} ${device} ${state}`).sort();
  expect(byDisk, 'disks').toEqual(used.map(({ id, assignment }) => `${assignment?.disk} ${id} ready`).sort());
  const ofMode = (mode: RootMode): number => used.filter(({ assignment }) => assignment?.rootMode === mode).length;
  const [blocks, directories] = [ofMode('nbd'), ofMode('nfs')];
  expect(blocks + directories, 'boards with a root of their own').toBe(wanted);
  expect(await held(), 'what the server holds').toEqual({ files: blocks, directories, mounts: directories });
  expect(await exported(), 'exports').toBe(0);
}

/** Every board back, and nothing left of them. */
async function clear(): Promise<void> {
  for (const { id, state } of await devices())
    if (state !== 'available') await house.client.devices.release({ params: { ref: id } });
  await calm();
  expect(
    (await devices()).filter(({ state }) => state !== 'available'),
    'boards in use after all',
  ).toEqual([]);
  expect(await disks(), 'disks after all').toEqual([]);
  // The database knows first.
  await expect.poll(held, { timeout: 10_000 }).toEqual(nothing);
  await expect.poll(house.strays, { timeout: 10_000 }).toEqual([]);
}

const draw = createDraw();

async function killIn(number: number, usualMs: number): Promise<string> {
  const random = createRandom(`${seed}/storm ${number}`);
  const victim = draw(random);
  const delay = random.whole(0, Math.round(usualMs * 1.3));
  const kill = await house.arm(victim);
  const raging = storm(`storm-${number}-${random.whole(0, 2 ** 31)}`, 2 * boards, 'storm=small');
  await sleep(delay);
  kill.fire();
  const asked = await raging;
  await kill.recovered();
  const open = asked.filter(({ outcome }) => outcome.kind === 'unknown');
  for (const each of open) each.outcome = await decided('provision', each.ask);
  await calm();
  await judge(asked, boards);
  await clear();
  return `${victim} killed after ${delay} ms, ${open.length} of ${asked.length} without an answer`;
}

let usualMs = 1000;

it('of 200 callers 100 get a board each, and 100 hear that there is none', { timeout: 600_000 }, async () => {
  const began = Date.now();
  const asked = await storm('calm', 2 * all, undefined);
  await calm();
  usualMs = (Date.now() - began) / 5;
  await judge(asked, all);
  await clear();
});

it(
  'kill -9 at any moment of it leaves no board, disk, directory, export or program without an owner',
  { timeout: moments.length * 60_000 + 600_000 },
  async () => {
    const failures: string[] = [];
    for (const number of moments) {
      const again = `storm ${number} (again: DROVER_TEST_SEED=${seed} DROVER_TEST_MOMENT=${number})`;
      try {
        const said = await killIn(number, usualMs);
        if (process.env['DROVER_TEST_VERBOSE'] !== undefined) console.log(`${again}: ${said}`);
      } catch (error) {
        failures.push(`${again}: ${(error as DroverError).message}\n${house.log()}`);
        await clear().catch(() => undefined);
      }
    }
    for (const failure of failures) console.error(failure);
    console.log(`loop kill-9 of a provision storm: ${moments.length} moments, ${failures.length} failures`);
    expect(failures).toEqual([]);
  },
);
