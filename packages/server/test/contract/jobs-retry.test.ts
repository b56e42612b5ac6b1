import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { refusal, RefusedError, type Job } from '@drover/contract';
import type { Service } from '../../src/app/ports.js';
import { adapters } from './support/databases.js';
import { makeTenant, who } from './support/fleet.js';
import { temporaryFolder } from './support/folders.js';
import { openImporter, unpackToNothing, valueOf, type Unpack } from './support/importer.js';
import { aJob, at } from './support/records.js';
import { systemClock, testIds } from './support/world.js';

const folder = temporaryFolder();
const broken = () => new RefusedError(refusal('image.broken', 'It is broken.'));
const running: Service[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});

describe.each(adapters())('a job on $name that failed', ({ create }) => {
  const open = async (unpack?: Unpack) => {
    const own = join(folder, testIds.randomHex(6));
    mkdirSync(own);
    const store = await (await create()).open();
    const importer = await openImporter(store, own, unpack);
    const { jobs, admin, runner } = importer;
    return {
      ...importer,
      store,
      start: async (): Promise<void> => {
        running.push(runner);
        await runner.start(new AbortController().signal);
      },
      endOf: async (id: string | null): Promise<Job> => {
        await expect.poll(async () => valueOf(await jobs.get(admin, id ?? '')).endedAt).not.toBeNull();
        return valueOf(await jobs.get(admin, id ?? ''));
      },
    };
  };

  it('because it takes its server down says so, keeps its upload, and can be tried again', async () => {
    const { store, jobs, admin, images, uploads, upload, importFrom, start, endOf } = await open();
    const id = await upload();
    const image = valueOf(await importFrom({ kind: 'upload', upload: id }));
    for (let life = 1; life <= 5; life += 1) {
      await store.transaction((tx) => tx.jobs.claim(['image.import'], `dead-${life}`, systemClock.now(), -1));
    }
    await start();
    const given = await endOf(image.job);
    expect(given).toMatchObject({ state: 'failed', error: { code: 'server.fault' } });
    expect(given.error?.detail).toMatch(/^The server ended 5 times in the middle of this job/);
    expect(given.error?.remedy).toContain(`drover job retry ${given.id}`);
    expect(valueOf(await uploads.get(admin, id)).complete).toBe(true);

    const again = valueOf(await jobs.retry(admin, given.id));
    expect(again).toMatchObject({ kind: 'image.import', tenant: image.tenant });
    expect(again.id).not.toBe(given.id);
    expect((await endOf(again.id)).state).toBe('succeeded');
    expect(valueOf(await images.get(admin, 'a:1')).state).toBe('ready');
    expect(await jobs.retry(admin, again.id)).toMatchObject({ code: 'job.finished' });
  });

  it('cannot be tried again while it runs, by a reader, or by another tenant', async () => {
    let goOn: () => void = () => undefined;
    const held = new Promise<void>((resolve) => (goOn = resolve));
    const { store, jobs, admin, upload, importFrom, start, endOf } = await open(async (...given) => {
      await held;
      return unpackToNothing(...given);
    });
    const { job } = valueOf(await importFrom({ kind: 'upload', upload: await upload() }));
    await start();
    expect(await jobs.retry(admin, job ?? '')).toMatchObject({ code: 'job.unfinished' });
    expect(await jobs.retry(who(null, 'reader'), job ?? '')).toMatchObject({ code: 'auth.forbidden' });
    const stranger = who(await makeTenant(store, 'stranger'));
    expect(await jobs.retry(stranger, job ?? '')).toMatchObject({ code: 'job.not-found' });
    goOn();
    await endOf(job);
  });

  it('because its image was broken has lost its upload, and the retry says what to do', async () => {
    const { jobs, admin, upload, importFrom, start, endOf } = await open(async () => Promise.reject(broken()));
    const { job } = valueOf(await importFrom({ kind: 'upload', upload: await upload() }));
    await start();
    expect((await endOf(job)).error?.code).toBe('image.broken');
    expect(await jobs.retry(admin, job ?? '')).toMatchObject({
      code: 'upload.not-found',
      remedy: 'Upload the file first.',
    });
  });

  it('of another kind begins anew, once however often it is asked', async () => {
    const { store, jobs, admin } = await open();
    const failed = aJob({
      kind: 'image.root',
      subject: 'img_x',
      state: 'failed',
      endedAt: at(1),
      input: { image: 'x' },
    });
    const swept = aJob({ kind: 'blob.collect', state: 'cancelled', endedAt: at(1) });
    await store.transaction(async (tx) => {
      await tx.jobs.insert(failed);
      await tx.jobs.insert(swept);
    });
    const [first, second] = [await jobs.retry(admin, failed.id), await jobs.retry(admin, failed.id)];
    expect(valueOf(first)).toMatchObject({ kind: 'image.root', subject: 'img_x', state: 'queued' });
    expect(valueOf(second).id).toBe(valueOf(first).id);
    expect((await store.read((tx) => tx.jobs.get(valueOf(first).id)))?.input).toEqual({ image: 'x' });
    expect(await jobs.retry(who(null, 'operator'), swept.id)).toMatchObject({ code: 'auth.forbidden' });
    expect(valueOf(await jobs.retry(admin, swept.id)).kind).toBe('blob.collect');
  });
});
