import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { refusal, RefusedError } from '@drover/contract';
import { createFsBlobStore } from '../../src/adapters/blobs/index.js';
import { createDeltaMaker } from '../../src/adapters/deltas/index.js';
import { openFileSource } from '../../src/adapters/import/file-source.js';
import { createDeltaJob } from '../../src/app/images/delta-job.js';
import { createDeltas, foreseeDelta } from '../../src/app/images/deltas.js';
import type { DeltaMaker, ImageRecord } from '../../src/app/images/ports.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { createJobRunner } from '../../src/app/jobs/runner.js';
import type { Service } from '../../src/app/ports.js';
import { adapters } from './support/databases.js';
import { makeTenant } from './support/fleet.js';
import { temporaryFolder } from './support/folders.js';
import { anImage, someTime } from './support/records.js';
import { createTestLog, systemClock, testIds } from './support/world.js';

const folder = temporaryFolder();
const timing = { leaseMs: 60_000, renewMs: 500, tickMs: 20, liveMs: 0, pollMs: 20, stopMs: 5000 };
const running: Service[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});

/** Bytes that nothing else has. */
const noise = (name: string, length = 64 * 1024): Buffer =>
  Buffer.concat(Array.from({ length: length / 32 }, (_, n) => createHash('sha256').update(`${name} ${n}`).digest()));
const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

async function* whole(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

const old = noise('old');
const next = Buffer.concat([old.subarray(0, 30_000), noise('new', 1024), old.subarray(30_000)]);
const other = noise('other');

describe.each(adapters())('deltas between packed roots, with $name', ({ create }) => {
  const open = async (maker: DeltaMaker = createDeltaMaker({ openSource: openFileSource })) => {
    const store = await (await create()).open();
    const blobs = await createFsBlobStore(join(folder, testIds.randomHex(6)));
    const [mine, theirs] = [await makeTenant(store, 'mine'), await makeTenant(store, 'theirs')];
    let ahead = 0;
    // Only who asks goes by it: the runner's leases are real time.
    const clock = { now: () => Date.now() + ahead };
    const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
    const handler = createDeltaJob({ store, blobs, maker, clock: systemClock });
    const runner = createJobRunner({
      ...{ store, timing, clock: systemClock, ids: testIds, log: createTestLog() },
      ...{ handlers: [handler], concurrency: 1, owner: testIds.randomHex(4) },
    });
    running.push(runner);
    const jobs = async () => (await store.read((tx) => tx.jobs.list({}, { limit: 100 }))).items;
    return {
      ...{ store, blobs, mine, theirs, jobs },
      deltas: createDeltas({ store, clock, enqueue }),
      foresee: (to: string, holders: Parameters<typeof foreseeDelta>[3]) =>
        store.transaction((tx) => foreseeDelta({ clock, enqueue }, tx, to, holders)),
      wait: (ms: number) => (ahead += ms),
      start: () => runner.start(new AbortController().signal),
      /** An image whose root was packed. */
      image: async (tenant: string | null, root: Buffer): Promise<ImageRecord> => {
        const { digest, size } = await blobs.put(whole(root));
        const image = anImage({ tenant, digest, size });
        const made = { kind: 'root-squashfs', variant: 'zstd', blob: digest, size, recipe: '1' } as const;
        await store.transaction(async (tx) => {
          await tx.blobs.record({ digest, size }, someTime);
          await tx.images.insert(image);
          await tx.images.saveDerivative({ ...made, image: image.id, createdAt: someTime });
        });
        return image;
      },
      ended: () => expect.poll(async () => (await jobs()).every(({ endedAt }) => endedAt !== null)).toBe(true),
    };
  };

  it('are made once, after somebody asked, and kept as long as the image', async () => {
    const { deltas, mine, image, start, ended, jobs, blobs, store } = await open();
    await image(mine, old);
    const wanted = await image(mine, next);
    const ask = () => deltas.between(mine, digestOf(old), digestOf(next));
    expect([await ask(), await ask()]).toEqual([undefined, undefined]);
    expect(await jobs()).toMatchObject([{ kind: 'image.delta', tenant: mine, subject: wanted.id }]);
    await start();
    await ended();
    const delta = await ask();
    expect(delta).toMatchObject({ from: digestOf(old) });
    expect(delta?.size).toBeLessThan(1200);
    const text = Buffer.from(await blobs.read(delta?.digest ?? '', 0, delta?.size ?? 0)).toString('latin1');
    expect(text).toMatch(/^drover-delta 1\nold 65536\nnew 66560\ndata 1024\ncopy 0 30000\n/);
    expect(await jobs()).toHaveLength(1);
    expect(await store.read((tx) => tx.blobs.isReferenced(delta?.digest ?? ''))).toBe(true);
    await store.transaction((tx) => tx.images.delete(wanted.id));
    expect(await ask()).toBeUndefined();
    expect(await store.read((tx) => tx.blobs.isReferenced(delta?.digest ?? ''))).toBe(false);
  });

  it('are not offered when they are more than half of the root, and not made again', async () => {
    const { deltas, mine, image, start, ended, jobs } = await open();
    await image(mine, old);
    await image(mine, other);
    const ask = () => deltas.between(mine, digestOf(old), digestOf(other));
    expect(await ask()).toBeUndefined();
    await start();
    await ended();
    expect(await ask()).toBeUndefined();
    expect(await jobs()).toMatchObject([{ state: 'succeeded', result: { worth: false } }]);
  });

  it('are begun before a board asks, with the one that most boards need', async () => {
    const { foresee, mine, image, jobs } = await open();
    for (const root of [old, other, next]) await image(mine, root);
    const holder = (root: string | null) => ({ tenant: mine, beat: { root } });
    await foresee(digestOf(next), [holder(null), holder(digestOf(next)), { tenant: mine, beat: null }]);
    expect(await jobs()).toEqual([]);
    await foresee(
      digestOf(next),
      [other, old, old].map((root) => holder(digestOf(root))),
    );
    expect(await jobs()).toMatchObject([{ input: { from: digestOf(old), to: digestOf(next) } }]);
  });

  it('begin with images that the tenant may see', async () => {
    const { deltas, mine, theirs, image, jobs } = await open();
    await image(theirs, old);
    await image(mine, next);
    expect(await deltas.between(mine, digestOf(old), digestOf(next))).toBeUndefined();
    expect(await deltas.between(null, digestOf(old), digestOf(next))).toBeUndefined();
    expect(await deltas.between(mine, digestOf(next), digestOf(next))).toBeUndefined();
    expect(await deltas.between(mine, 'f'.repeat(64), digestOf(next))).toBeUndefined();
    expect(await jobs()).toEqual([]);
    await image(null, old);
    await deltas.between(mine, digestOf(old), digestOf(next));
    expect(await jobs()).toHaveLength(1);
  });

  it('are made anew when the image has another root', async () => {
    const { deltas, mine, image, start, ended, jobs, store, blobs } = await open();
    await image(mine, old);
    const wanted = await image(mine, next);
    await start();
    await deltas.between(mine, digestOf(old), digestOf(next));
    await ended();
    const { digest, size } = await blobs.put(whole(Buffer.concat([old, noise('more', 64)])));
    const packedAnew = { kind: 'root-squashfs', variant: 'zstd', blob: digest, size, recipe: '2' } as const;
    await store.transaction((tx) => tx.images.saveDerivative({ ...packedAnew, image: wanted.id, createdAt: someTime }));
    expect(await deltas.between(mine, digestOf(old), digestOf(next))).toBeUndefined();
    expect(await deltas.between(mine, digestOf(old), digest)).toBeUndefined();
    await ended();
    expect((await deltas.between(mine, digestOf(old), digest))?.size).toBeLessThan(200);
    expect(await jobs()).toHaveLength(2);
  });

  it('that cannot be made are not tried at each boot, but again later', async () => {
    const full = new RefusedError(refusal('storage.full', 'No space is left.'));
    const real = createDeltaMaker({ openSource: openFileSource });
    let isFull = true;
    const { deltas, mine, image, start, ended, jobs, wait } = await open({
      make: (...args) => (isFull ? Promise.reject(full) : real.make(...args)),
    });
    await image(mine, old);
    await image(mine, next);
    await image(mine, other);
    const ask = (from = old) => deltas.between(mine, digestOf(from), digestOf(next));
    await ask();
    await start();
    await ended();
    isFull = false;
    wait(3_590_000);
    expect(await ask()).toBeUndefined();
    expect(await jobs()).toMatchObject([{ state: 'failed' }]);
    // Another root to the same one is another matter.
    await ask(other);
    await ended();
    expect(await jobs()).toHaveLength(2);
    wait(20_000);
    await ask();
    await ended();
    expect((await ask())?.size).toBeLessThan(1200);
    expect(await jobs()).toHaveLength(3);
  });

  it('whose making was cancelled are made when they are asked for later', async () => {
    const { deltas, mine, image, start, ended, jobs, store, wait } = await open();
    await image(mine, old);
    await image(mine, next);
    const ask = () => deltas.between(mine, digestOf(old), digestOf(next));
    await ask();
    const [queued] = await jobs();
    await store.transaction((tx) => tx.jobs.requestCancel(queued?.id ?? ''));
    await start();
    await ended();
    expect(await jobs()).toMatchObject([{ state: 'cancelled' }]);
    expect(await ask()).toBeUndefined();
    expect(await jobs()).toHaveLength(1);
    wait(3_610_000);
    await ask();
    await ended();
    expect(await ask()).toMatchObject({ from: digestOf(old) });
  });
});
