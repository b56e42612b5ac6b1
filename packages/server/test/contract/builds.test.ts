import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { refusal, RefusedError, type Build } from '@drover/contract';
import type { Service } from '../../src/app/ports.js';
import { delivers, openBuilds, type BuildWorldOptions } from './support/build-world.js';
import { adapters } from './support/databases.js';
import { makeTenant, who } from './support/fleet.js';
import { temporaryFolder } from './support/folders.js';
import { valueOf } from './support/importer.js';
import { testIds } from './support/world.js';

const folder = temporaryFolder();
const running: Service[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});
const shipped = { recipe: { kind: 'shipped' as const, name: 'base' }, release: false, publish: false };

describe.each(adapters())('builds on $name', ({ create }) => {
  const open = async (options: BuildWorldOptions = {}) => {
    const own = join(folder, testIds.randomHex(6));
    mkdirSync(own);
    const store = await (await create()).open();
    const world = await openBuilds(store, own, options);
    const start = async (): Promise<void> => {
      running.push(world.runner);
      await world.runner.start(new AbortController().signal);
    };
    const ask = async (): Promise<Build> => valueOf(await world.builds.create(world.admin, shipped));
    return { ...world, own, store, start, ask };
  };

  it('make an image of the store and keep their files, in one moment', async () => {
    const { own, store, build, builds, blobs, start, ask, ended, admin } = await open();
    build(delivers(own, { version: '1', disk: 'one' }));
    const asked = await ask();
    expect(asked).toMatchObject({ recipe: 'base', state: 'queued', trigger: 'api', image: null, files: [] });
    await start();
    const made = await ended(asked.id);
    expect(made).toMatchObject({ state: 'succeeded', image: 'sign:1', unchanged: false, error: null });
    const images = await store.read((tx) => tx.images.list({ name: 'sign' }, { limit: 10 }));
    expect(images.items).toMatchObject([{ version: '1', state: 'ready', source: { kind: 'build', build: asked.id } }]);
    const file = valueOf(await builds.file(admin, asked.id, 'image.json'));
    const bytes = await blobs.read(file.sha256, 0, file.size);
    expect(Buffer.from(bytes).toString()).toBe('image.json one');
    expect(made.manifest).toBe(file.sha256);
    expect(made.logBytes).toBeGreaterThan(0);
  });

  it('that made the same bytes again say so and make no second image; other bytes of that name are refused', async () => {
    const { own, store, build, start, ask, ended } = await open();
    await start();
    build(delivers(own, { version: '1', disk: 'one' }));
    await ended((await ask()).id);
    expect(await ended((await ask()).id)).toMatchObject({ state: 'succeeded', image: 'sign:1', unchanged: true });
    build(delivers(own, { version: '1', disk: 'two' }));
    const other = await ended((await ask()).id);
    expect(other).toMatchObject({ state: 'failed', image: null, files: [], error: { code: 'image.exists' } });
    const images = await store.read((tx) => tx.images.list({ name: 'sign' }, { limit: 10 }));
    expect(images.items).toHaveLength(1);
  });

  it('are for those whom builds.allow names', async () => {
    const tenantOf = async (world: Awaited<ReturnType<typeof open>>) => makeTenant(world.store, 'another');
    const answers: Record<string, string[]> = {};
    for (const allow of ['server', 'admins', 'nobody'] as const) {
      const world = await open({ allow });
      const tenant = await tenantOf(world);
      const callers = [who(null), who(tenant), who(null, 'operator'), who(tenant, 'operator'), who(null, 'reader')];
      answers[allow] = [];
      for (const caller of callers) {
        const answer = await world.builds.create(caller, shipped);
        answers[allow].push(answer.ok ? 'yes' : answer.code);
      }
    }
    const no = 'auth.forbidden';
    expect(answers).toEqual({
      server: ['yes', no, no, no, no],
      admins: ['yes', 'yes', no, no, no],
      nobody: [no, no, no, no, no],
    });
  });

  it('of another tenant are not seen, and those of the installation not changed', async () => {
    const { builds, admin, store } = await open({ allow: 'admins' });
    const [one, two] = [await makeTenant(store, 'one'), await makeTenant(store, 'two')];
    const own = valueOf(await builds.create(who(one), shipped));
    expect(await builds.get(who(two), own.id)).toMatchObject({ code: 'build.not-found' });
    expect(await builds.remove(who(two), own.id)).toMatchObject({ code: 'build.not-found' });
    expect((await builds.list(who(two), { limit: 10 })).items).toEqual([]);
    expect((await builds.list(admin, { limit: 10 })).items.map(({ id }) => id)).toEqual([own.id]);
    expect(valueOf(await builds.get(who(one), own.id)).tenant).toBe(one);
  });

  it('hold their uploads until they have ended, and give them back when they may be tried again', async () => {
    const { own, store, uploads, upload, build, builds, start, ended, admin, jobs, jobOf } = await open();
    const [tar, lock] = [await upload(), await upload('a list')];
    const wanted = {
      recipe: { kind: 'upload' as const, upload: tar, path: 'sign' },
      release: false,
      publish: false,
      lock,
    };
    const asked = valueOf(await builds.create(admin, wanted));
    expect(await builds.create(admin, wanted)).toMatchObject({ code: 'upload.in-use' });
    // What takes its server down each time.
    for (let life = 1; life <= 5; life += 1)
      await store.transaction((tx) => tx.jobs.claim(['image.build'], `dead-${life}`, Date.now(), -1));
    await start();
    const given = await ended(asked.id);
    expect(given).toMatchObject({ state: 'failed', error: { code: 'server.fault' } });

    const requests: unknown[] = [];
    build(async (request, options) => {
      requests.push(request);
      await delivers(own, { version: '1', disk: 'one' })(request, options);
    });
    const again = valueOf(await jobs.retry(admin, given.job ?? ''));
    const second = await ended(String(again.subject));
    expect(second).toMatchObject({ state: 'succeeded', recipe: 'sign', image: 'sign:1' });
    await expect.poll(async () => (await jobOf(second)).state).toBe('succeeded');
    expect(requests).toMatchObject([{ recipe: { kind: 'upload', path: 'sign' }, lock: expect.any(String) as string }]);
    await expect.poll(() => uploads.get(admin, tar)).toMatchObject({ ok: false });
    await expect.poll(() => uploads.get(admin, lock)).toMatchObject({ ok: false });
  });

  it('tell why they failed, in the build, its job and its log', async () => {
    const { build, builds, start, ask, ended, jobOf, admin } = await open();
    build(() => Promise.reject(new RefusedError(refusal('recipe.invalid', 'It is bad.', { remedy: 'Mend it.' }))));
    await start();
    const failed = await ended((await ask()).id);
    expect(failed).toMatchObject({ state: 'failed', error: { code: 'recipe.invalid', detail: 'It is bad.' } });
    await expect.poll(() => jobOf(failed)).toMatchObject({ state: 'failed', error: { remedy: 'Mend it.' } });
    const log = valueOf(await builds.log(admin, failed.id, { offset: 0, follow: false }, new AbortController().signal));
    const pieces: Uint8Array[] = [];
    for await (const piece of log) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toContain('The build failed: It is bad.\nMend it.');
  });

  it('that are cancelled end at once, leave no image, and say so', async () => {
    const { build, start, ask, ended, jobs, admin, store } = await open();
    let began: () => void = () => undefined;
    const working = new Promise<void>((resolve) => {
      began = resolve;
    });
    build(async (_request, { signal }) => {
      began();
      await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));
    });
    await start();
    const asked = await ask();
    await working;
    valueOf(await jobs.cancel(admin, asked.job ?? ''));
    expect(await ended(asked.id)).toMatchObject({ state: 'cancelled', image: null });
    expect((await store.read((tx) => tx.images.list({}, { limit: 10 }))).items).toEqual([]);
  });

  it('are not deleted while they run or while they are pinned', async () => {
    const { own, build, builds, start, ask, ended, admin } = await open();
    const asked = await ask();
    expect(await builds.remove(admin, asked.id)).toMatchObject({ code: 'build.unfinished' });
    build(delivers(own, { version: '1', disk: 'one' }));
    await start();
    await ended(asked.id);
    valueOf(await builds.update(admin, asked.id, { pinned: true }));
    expect(await builds.remove(admin, asked.id)).toMatchObject({ code: 'build.pinned' });
    valueOf(await builds.update(admin, asked.id, { pinned: false }));
    valueOf(await builds.remove(admin, asked.id));
    expect(await builds.get(admin, asked.id)).toMatchObject({ code: 'build.not-found' });
  });

  it('are listed newest first, a page at a time, by recipe and by state', async () => {
    const { builds, ask, clock, admin } = await open();
    const ids: string[] = [];
    for (let count = 0; count < 5; count += 1) {
      ids.unshift((await ask()).id);
      clock.advance(1000);
    }
    const first = await builds.list(admin, { limit: 3 });
    const second = await builds.list(admin, { limit: 3, cursor: first.next ?? '' });
    expect([...first.items, ...second.items].map(({ id }) => id)).toEqual(ids);
    expect(second.next).toBeNull();
    expect((await builds.list(admin, { limit: 9, recipe: 'kiosk' })).items).toEqual([]);
    expect((await builds.list(admin, { limit: 9, state: 'queued', recipe: 'base' })).items).toHaveLength(5);
    expect((await builds.list(admin, { limit: 9, state: 'failed' })).items).toEqual([]);
  });

  it('of a recipe that is not there, or that gives no name, are not queued', async () => {
    const { builds, admin, upload } = await open();
    const of = (recipe: Parameters<typeof builds.create>[1]['recipe']) =>
      builds.create(admin, { recipe, release: false, publish: false });
    expect(await of({ kind: 'shipped', name: 'nosuch' })).toMatchObject({ code: 'recipe.not-found' });
    expect(await of({ kind: 'folder', name: 'base' })).toMatchObject({ code: 'recipe.not-found' });
    expect(await of({ kind: 'upload', upload: await upload(), path: 'My Sign/recipe.yaml' })).toMatchObject({
      ...{ code: 'request.invalid', errors: [{ field: 'recipe.path' }] },
    });
    const nowhere = { kind: 'upload', upload: testIds.next('upl'), path: 'sign' } as const;
    expect(await of(nowhere)).toMatchObject({ ok: false });
    expect((await builds.list(admin, { limit: 10 })).items).toEqual([]);
  });
});
