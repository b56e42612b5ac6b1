import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, unlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Result } from '@drover/contract';
import { createFsBlobStore, type FsBlobStore } from '../../src/adapters/blobs/index.js';
import { createCollectJob, graceMs, orphanMs } from '../../src/app/blobs/collect-job.js';
import { createVerifyJob } from '../../src/app/blobs/verify-job.js';
import type { JobContext, JobHandler } from '../../src/app/jobs/handler.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { inPieces, temporaryFolder } from './support/folders.js';
import { anImage } from './support/records.js';
import { createTestLog, iso, systemClock, testIds } from './support/world.js';

const folder = temporaryFolder();
const opened: FsBlobStore[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((store) => store.close()));
});

const openBlobs = async (): Promise<FsBlobStore> => {
  const blobs = await createFsBlobStore(join(folder, testIds.randomHex(6)));
  opened.push(blobs);
  return blobs;
};

const old = (ms: number): number => systemClock.now() - ms - 60_000;

/** Stores bytes, known since `age` ms ago. */
const keep = async (store: Store, blobs: FsBlobStore, age: number, bytes = randomBytes(2000)): Promise<string> => {
  const blob = await blobs.put(inPieces(bytes, 500));
  await store.transaction((tx) => tx.blobs.record(blob, iso(old(age))));
  makeOld(blobs, blob.digest, age);
  return blob.digest;
};
const makeOld = (blobs: FsBlobStore, digest: string, age: number): void => {
  utimesSync(blobs.localPath(digest) ?? '', old(age) / 1000, old(age) / 1000);
};

const flipByte = (path: string): void => {
  const bytes = readFileSync(path);
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  chmodSync(path, 0o600);
  writeFileSync(path, bytes);
};

const run = async (
  handler: JobHandler,
  more: Partial<JobContext> = {},
): Promise<Result<Record<string, unknown>> & { checkpoints: Record<string, unknown>[] }> => {
  const checkpoints: Record<string, unknown>[] = [];
  const context: JobContext = {
    id: testIds.next('job'),
    input: {},
    checkpoint: {},
    saveCheckpoint: async (checkpoint) => {
      checkpoints.push(checkpoint);
    },
    progress: () => undefined,
    signal: new AbortController().signal,
    ...more,
  };
  return { ...(await handler.run(context)), checkpoints };
};

const exists = async (blobs: FsBlobStore, digest: string): Promise<boolean> => (await blobs.stat(digest)) !== undefined;
const isKnown = (store: Store, digest: string): Promise<boolean> =>
  store.read(async (tx) => (await tx.blobs.get(digest)) !== undefined);

describe.each(adapters())('verification of blobs on $name', ({ create }) => {
  it('finds a flipped bit and an absent file, and says which images need them', async () => {
    const [store, blobs] = [await (await create()).open(), await openBlobs()];
    const digests = [];
    for (let i = 0; i < 50; i += 1) digests.push(await keep(store, blobs, 0));
    const [damaged = '', absent = ''] = digests;
    flipByte(blobs.localPath(damaged) ?? '');
    unlinkSync(blobs.localPath(absent) ?? '');
    await store.transaction((tx) => tx.images.insert(anImage({ version: '7', digest: damaged })));
    const handler = createVerifyJob({ store, blobs, clock: systemClock, log: createTestLog() });
    const result = await run(handler);
    expect(result).toMatchObject({ ok: true, value: { checked: 50, bytes: 100_000, damaged: 1, absent: 1 } });
    expect(result).toHaveProperty(
      'value.blobs',
      expect.arrayContaining([
        { digest: damaged, found: 'damaged', images: ['debian:7'] },
        { digest: absent, found: 'absent', images: [] },
      ]),
    );
    expect(result.checkpoints).toHaveLength(2);
    const events = await store.read((tx) => tx.events.list({ after: 0, limit: 10, type: 'blob.corrupt' }));
    expect(events.map((event) => event.subject).sort()).toEqual([damaged, absent].sort());
    expect(events.find((event) => event.subject === damaged)?.data).toEqual({
      found: 'damaged',
      size: 2000,
      images: ['debian:7'],
    });
    const half = result.checkpoints[0] ?? {};
    expect(await run(handler, { checkpoint: half })).toMatchObject({ value: { checked: 50 } });
  });

  it('stops when it is told to', async () => {
    const [store, blobs] = [await (await create()).open(), await openBlobs()];
    await keep(store, blobs, 0);
    const handler = createVerifyJob({ store, blobs, clock: systemClock, log: createTestLog() });
    const stopped = AbortSignal.abort(new Error('enough'));
    await expect(run(handler, { signal: stopped })).rejects.toThrow('enough');
  });
});

describe.each(adapters())('collection of blobs on $name', ({ create }) => {
  it('takes what nothing names and nobody wanted for an hour', async () => {
    const [store, blobs] = [await (await create()).open(), await openBlobs()];
    const made = {
      image: await keep(store, blobs, graceMs),
      derivative: await keep(store, blobs, graceMs),
      young: await keep(store, blobs, 0),
      garbage: await keep(store, blobs, graceMs),
    };
    const image = anImage({ digest: made.image });
    await store.transaction(async (tx) => {
      await tx.images.insert(image);
      await tx.images.saveDerivative({
        image: image.id,
        kind: 'boot-tree',
        variant: '',
        blob: made.derivative,
        size: 1,
        recipe: '1',
        createdAt: image.createdAt,
      });
    });
    const handler = createCollectJob({ store, blobs, clock: systemClock });
    expect(await run(handler)).toMatchObject({ ok: true, value: { collected: 1, orphans: 0, bytes: 2000 } });
    expect(await exists(blobs, made.garbage)).toBe(false);
    for (const digest of [made.image, made.derivative, made.young]) expect(await exists(blobs, digest)).toBe(true);
    await store.transaction((tx) => tx.images.delete(image.id));
    expect(await run(handler)).toMatchObject({ value: { collected: 2 } });
    expect(await run(handler)).toMatchObject({ value: { collected: 0 } });
  });

  it('takes files that no row knows after a day', async () => {
    const [store, blobs] = [await (await create()).open(), await openBlobs()];
    const [stale, fresh] = [
      await blobs.put(inPieces(randomBytes(10), 10)),
      await blobs.put(inPieces(randomBytes(10), 10)),
    ];
    makeOld(blobs, stale.digest, orphanMs);
    makeOld(blobs, fresh.digest, graceMs);
    const result = await run(createCollectJob({ store, blobs, clock: systemClock }));
    expect(result).toMatchObject({ value: { collected: 0, orphans: 1 } });
    expect(await exists(blobs, stale.digest)).toBe(false);
    expect(await exists(blobs, fresh.digest)).toBe(true);
  });

  it('never takes a blob that is put and named again at the same moment', async () => {
    const [store, blobs] = [await (await create()).open(), await openBlobs()];
    const bytes = randomBytes(3000);
    const handler = createCollectJob({ store, blobs, clock: systemClock });
    for (let round = 0; round < 15; round += 1) {
      const digest = await keep(store, blobs, graceMs, bytes);
      const importing = async (): Promise<string> => {
        const blob = await blobs.put(inPieces(bytes, 700));
        const image = anImage({ digest: blob.digest });
        await store.transaction(async (tx) => {
          await tx.blobs.record(blob, iso(systemClock.now()));
          await tx.images.insert(image);
        });
        return image.id;
      };
      const [image] = await Promise.all([importing(), run(handler), run(handler)]);
      expect(await blobs.verify(digest)).toBe('sound');
      expect(await isKnown(store, digest)).toBe(true);
      await store.transaction((tx) => tx.images.delete(image));
    }
  });

  it('leaves what is named again between looking and deleting', async () => {
    const [store, blobs] = [await (await create()).open(), await openBlobs()];
    const digests = [await keep(store, blobs, graceMs), await keep(store, blobs, graceMs)].sort();
    let deleted = 0;
    const watched = {
      ...blobs,
      delete: async (...args: Parameters<FsBlobStore['delete']>) => {
        // The first is being deleted: an image takes the second, which was found as garbage before.
        if (deleted === 0) {
          await store.transaction((tx) => tx.images.insert(anImage({ digest: digests[1] ?? null })));
        }
        deleted += 1;
        return blobs.delete(...args);
      },
    };
    await run(createCollectJob({ store, blobs: watched, clock: systemClock }));
    expect(deleted).toBe(1);
    expect(await exists(blobs, digests[1] ?? '')).toBe(true);
  });
});
