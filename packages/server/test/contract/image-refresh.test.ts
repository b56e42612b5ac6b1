import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { success, type RootMode } from '@drover/contract';
import { createFsBlobStore } from '../../src/adapters/blobs/index.js';
import type { InitramfsMaker } from '../../src/app/images/ports.js';
import { createBootJob, refreshInitramfs } from '../../src/app/images/root-job.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { createJobRunner } from '../../src/app/jobs/runner.js';
import type { Service } from '../../src/app/ports.js';
import { adapters } from './support/databases.js';
import { temporaryFolder } from './support/folders.js';
import { anImage, facts, someTime } from './support/records.js';
import { createTestLog, systemClock, testIds } from './support/world.js';

const folder = temporaryFolder();
const timing = { leaseMs: 60_000, renewMs: 500, tickMs: 20, liveMs: 0, pollMs: 20, stopMs: 5000 };
const absent = async (): Promise<never> => Promise.reject(new Error('not in this test'));
const running: Service[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});

async function* bytes(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text);
}

describe.each(adapters())('images of an older Drover, with $name', ({ create }) => {
  /** An image that was imported when only `ram` was known, and a Drover that makes other initramfs. */
  const open = async (canAttach: boolean) => {
    const store = await (await create()).open();
    const blobs = await createFsBlobStore(join(folder, testIds.randomHex(6)));
    const [disk, old, made] = [
      await blobs.put(bytes('disk')),
      await blobs.put(bytes('old')),
      await blobs.put(bytes('new')),
    ];
    const image = anImage({ digest: disk.digest, size: disk.size, facts: facts({ rootModes: ['ram'] }) });
    const part = { kind: 'initramfs', variant: 'common/arm64', blob: old.digest, size: old.size } as const;
    await store.transaction(async (tx) => {
      for (const blob of [disk, old, made]) await tx.blobs.record(blob, someTime);
      await tx.images.insert(image);
      await tx.images.saveDerivative({ ...part, image: image.id, recipe: 'old', createdAt: someTime });
    });
    const initramfs: InitramfsMaker = {
      recipe: async () => 'new',
      make: async () =>
        success({
          parts: [{ kind: 'common', architecture: 'arm64', release: null, blob: made.digest, size: made.size }],
          warnings: [],
          canAttach,
          canMount: canAttach,
          canUpdateCard: canAttach,
        }),
      compression: absent,
      makeCardPart: absent,
      cardRecipe: async () => 'new',
    };
    const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
    const inspect = async () => ({
      facts: facts({ rootModes: ['ram', 'stream', 'nbd'] }),
      tree: { version: 1 as const, files: [], config: null, cmdline: null, kernels: [] },
    });
    const handler = createBootJob({
      ...{ store, blobs, initramfs, enqueue, clock: systemClock },
      inspector: { inspect },
      packer: { pack: absent },
      markReady: absent,
      markFailed: absent,
    });
    const runner = createJobRunner({
      ...{ store, timing, clock: systemClock, ids: testIds, log: createTestLog() },
      ...{ handlers: [handler], concurrency: 1, owner: testIds.randomHex(4) },
    });
    running.push(runner);
    await runner.start(new AbortController().signal);
    const now = () =>
      store.read(async (tx) => ({
        rootModes: (await tx.images.get(image.id))?.facts?.rootModes ?? [],
        recipes: (await tx.images.derivatives(image.id)).map(({ recipe, blob }) => `${recipe} ${blob}`),
      }));
    return { refresh: () => refreshInitramfs({ store, initramfs, enqueue }), now, made: made.digest };
  };

  it.each<[string, boolean, RootMode[]]>([
    ['can attach disks', true, ['ram', 'stream', 'nbd']],
    ['cannot', false, ['ram']],
  ])('get a new initramfs and the root modes of today once, where their kernels %s', async (_what, can, modes) => {
    const world = await open(can);
    expect(await world.refresh()).toBe(1);
    await expect.poll(world.now).toEqual({ rootModes: modes, recipes: [`new ${world.made}`] });
    expect(await world.refresh()).toBe(0);
  });
});
