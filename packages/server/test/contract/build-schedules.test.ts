import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createScheduler, runSchedule } from '../../src/app/builds/scheduler.js';
import type { Service } from '../../src/app/ports.js';
import { delivers, openBuilds } from './support/build-world.js';
import { adapters } from './support/databases.js';
import { temporaryFolder } from './support/folders.js';
import { valueOf } from './support/importer.js';
import { createTestLog, testIds } from './support/world.js';

const folder = temporaryFolder();
const running: Service[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});
const nightly = { name: 'nightly', recipes: ['sign', 'base'], keep: 2, at: '02:30', days: [], timezone: 'Etc/UTC' };

describe.each(adapters())('builds by the clock on $name', ({ create }) => {
  const open = async () => {
    const own = join(folder, testIds.randomHex(6));
    const recipes = join(own, 'recipes');
    mkdirSync(join(recipes, 'sign'), { recursive: true });
    writeFileSync(join(recipes, 'sign/recipe.yaml'), 'extends: base\n');
    const store = await (await create()).open();
    const world = await openBuilds(store, own, { recipes, schedules: [nightly] });
    const { clock, enqueue } = world;
    const schedule = { ...nightly, release: true, publish: true };
    const deps = {
      store,
      recipes: world.recipes,
      enqueue,
      clock,
      ids: testIds,
      log: createTestLog(),
      schedules: [schedule],
    };
    const queued = async () => (await world.builds.list(world.admin, { limit: 50 })).items.reverse();
    return { ...world, own, store, deps, schedule, queued };
  };

  it('are queued in the order in which recipes extend each other, and not twice', async () => {
    const { deps, schedule, queued } = await open();
    await runSchedule(deps, schedule);
    await runSchedule(deps, schedule);
    expect((await queued()).map(({ recipe }) => recipe).sort()).toEqual(['base', 'sign']);
    const jobs = await deps.store.read((tx) => tx.jobs.list({}, { limit: 10 }));
    const subjects = jobs.items.reverse().map(({ subject }) => subject);
    const builds = await queued();
    const inOrder = subjects.map((id) => builds.find((build) => build.id === id));
    expect(inOrder.map((build) => build?.recipe)).toEqual(['base', 'sign']);
    expect(builds[0]).toMatchObject({ trigger: 'schedule', schedule: 'nightly', release: true, publish: true });
  });

  it('begin when it is time, once, also after a restart of the server', async () => {
    const { deps, clock, queued } = await open();
    const dayMs = 24 * 3_600_000;
    const nextTime = Math.floor(clock.now() / dayMs) * dayMs + dayMs + 2.5 * 3_600_000;
    clock.advance(nextTime - clock.now() - 60_000);
    const first = createScheduler(deps);
    running.push(first);
    await first.start(new AbortController().signal);
    await first.stop();
    expect(await queued()).toEqual([]);
    const started = createScheduler(deps);
    clock.advance(120_000);
    await started.start(new AbortController().signal);
    await started.stop();
    expect(await queued()).toHaveLength(2);
    const restarted = createScheduler(deps);
    clock.advance(60_000);
    await restarted.start(new AbortController().signal);
    await restarted.stop();
    expect(await queued()).toHaveLength(2);
  });

  it('are kept by number; what is pinned or in use stays, and images go with the last build of them', async () => {
    const { own, store, build, deps, schedule, clock, ended, queued, builds, admin, runner, collect } = await open();
    running.push(runner);
    await runner.start(new AbortController().signal);
    let night = 0;
    build(async (request, options) => {
      night += 1;
      await delivers(own, { name: 'sign', version: `${night}`, disk: `disk ${night}` })(request, options);
    });
    const only = { ...schedule, recipes: ['sign'] };
    for (let nights = 0; nights < 4; nights += 1) {
      const before = (await queued()).map(({ id }) => id);
      await runSchedule(deps, only);
      const made = (await queued()).find(({ id }) => !before.includes(id));
      await ended(made?.id ?? '');
      if (night === 1) valueOf(await builds.update(admin, made?.id ?? '', { pinned: true }));
      clock.advance(24 * 3_600_000);
    }
    await collect();
    const left = (await queued()).map(({ image }) => image);
    expect(left).toEqual(['sign:1', 'sign:3', 'sign:4']);
    const images = await store.read((tx) => tx.images.list({ name: 'sign' }, { limit: 10 }));
    expect(images.items.map(({ version }) => version).sort()).toEqual(['1', '3', '4']);
  });
});
