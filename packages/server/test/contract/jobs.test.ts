import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { refusal, success, type DomainEvent } from '@drover/contract';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import type { JobContext, JobHandler } from '../../src/app/jobs/handler.js';
import { createJobs } from '../../src/app/jobs/jobs.js';
import { createProgressFeed } from '../../src/app/jobs/progress-feed.js';
import { createJobRunner, type JobRunnerDeps } from '../../src/app/jobs/runner.js';
import type { Service } from '../../src/app/ports.js';
import type { SqlStore } from '../../src/adapters/sql/index.js';
import { adapters } from './support/databases.js';
import { makeTenant, who } from './support/fleet.js';
import { aJob, at } from './support/records.js';
import { createTestClock, createTestLog, systemClock, testIds } from './support/world.js';

/** No lease ends while its job runs, however slow the machine is: the tests that need one to end say so. */
const fast = { leaseMs: 60_000, renewMs: 200, tickMs: 20, liveMs: 0, pollMs: 30, stopMs: 5000 };
const running: Service[] = [];
afterEach(async () => {
  await Promise.all(running.splice(0).map((service) => service.stop()));
});

type Run = (context: JobContext) => Promise<Record<string, unknown>>;
const handlerOf = (run: Run, undo?: JobHandler['undo']): JobHandler => ({
  kind: 'blob.verify',
  run: async (context) => success(await run(context)),
  ...(undo === undefined ? {} : { undo }),
});

const startRunner = async (
  store: SqlStore,
  handler: JobHandler,
  more: Partial<JobRunnerDeps> = {},
): Promise<Service> => {
  const deps = { store, clock: systemClock, ids: testIds, log: createTestLog(), concurrency: 4 };
  const runner = createJobRunner({ ...deps, handlers: [handler], owner: testIds.randomHex(4), timing: fast, ...more });
  running.push(runner);
  await runner.start(new AbortController().signal);
  return runner;
};

const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
const queue = (store: SqlStore, input: Record<string, unknown> = {}): Promise<string> =>
  store.transaction((tx) => enqueue(tx, { kind: 'blob.verify', tenant: null, subject: null, input }));

const ended = async (store: SqlStore, id: string, ms = 15_000) => {
  for (let waited = 0; waited < ms; waited += 20) {
    const job = await store.read((tx) => tx.jobs.get(id));
    if (job?.endedAt != null) return job;
    await sleep(20);
  }
  throw new Error('the job did not end');
};

const untilAborted = (context: JobContext): Promise<never> =>
  new Promise((_, reject) => {
    const fail = (): void => reject(context.signal.reason as Error);
    if (context.signal.aborted) fail();
    context.signal.addEventListener('abort', fail);
  });

describe.each(adapters())('the rows of jobs on $name', ({ create }) => {
  it('are claimed once each, the oldest first, by whichever server asks', async () => {
    const database = await create();
    const servers = await Promise.all([database.open(), database.open()]);
    await servers[0].transaction(async (tx) => {
      for (let i = 0; i < 20; i += 1) await tx.jobs.insert(aJob({ createdAt: at(20 - i), input: { i } }));
    });
    const claims = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        (servers[i % 2] ?? servers[0]).transaction((tx) => tx.jobs.claim(['blob.verify'], `o${i}`, 1000, 30_000)),
      ),
    );
    const taken = claims.filter((job) => job !== undefined);
    expect(new Set(taken.map((job) => job.id)).size).toBe(20);
    expect(taken.every((job) => job.state === 'running' && job.attempts === 1 && job.leaseUntil === 31_000)).toBe(true);
    expect(await servers[0].transaction((tx) => tx.jobs.claim(['blob.verify'], 'x', 2000, 1))).toBeUndefined();
  });

  it('are claimed in order of age, not before their time, and only of the kinds asked for', async () => {
    const store = await (await create()).open();
    const [young, old, later, other] = [
      aJob({ createdAt: at(2) }),
      aJob({ createdAt: at(1) }),
      aJob({ createdAt: at(0), notBefore: 5000 }),
      aJob({ createdAt: at(0), kind: 'image.import' }),
    ];
    const claim = (now: number) => store.transaction((tx) => tx.jobs.claim(['blob.verify'], 'me', now, 30_000));
    await store.transaction(async (tx) => {
      for (const job of [young, old, later, other]) await tx.jobs.insert(job);
    });
    expect((await claim(1000))?.id).toBe(old.id);
    expect((await claim(1000))?.id).toBe(young.id);
    expect(await claim(1000)).toBeUndefined();
    expect((await claim(5000))?.id).toBe(later.id);
  });

  it('belong to their owner until the lease ends, and then to the next', async () => {
    const store = await (await create()).open();
    const job = aJob();
    await store.transaction((tx) => tx.jobs.insert(job));
    const claim = (owner: string, now: number) =>
      store.transaction((tx) => tx.jobs.claim(['blob.verify'], owner, now, 1000));
    await claim('a', 0);
    expect(await store.transaction((tx) => tx.jobs.renew(job.id, 'a', 2000, null))).toEqual({
      held: true,
      cancelRequested: false,
    });
    expect(await claim('b', 1500)).toBeUndefined();
    expect(await claim('b', 2001)).toMatchObject({ attempts: 2, stalls: 2, leaseOwner: 'b' });
    await store.transaction(async (tx) => {
      expect((await tx.jobs.renew(job.id, 'a', 9000, null)).held).toBe(false);
      expect(await tx.jobs.saveCheckpoint(job.id, 'a', { by: 'a' })).toBe(false);
      const end = { state: 'succeeded', at: at(1), error: null, result: {} } as const;
      expect(await tx.jobs.finish(job.id, 'a', end)).toBe(false);
      expect(await tx.jobs.requeue(job.id, 'a', 0, true)).toBe(false);
      expect(await tx.jobs.saveCheckpoint(job.id, 'b', { by: 'b' })).toBe(true);
      expect(await tx.jobs.finish(job.id, 'b', end)).toBe(true);
      expect(await tx.jobs.finish(job.id, 'b', end)).toBe(false);
    });
    expect(await store.read((tx) => tx.jobs.get(job.id))).toMatchObject({
      state: 'succeeded',
      checkpoint: { by: 'b' },
      leaseOwner: null,
    });
  });

  it('count attempts without a new checkpoint', async () => {
    const store = await (await create()).open();
    const job = aJob();
    await store.transaction((tx) => tx.jobs.insert(job));
    const stalls = async (): Promise<number | undefined> => (await store.read((tx) => tx.jobs.get(job.id)))?.stalls;
    const step = (work: 'claim' | 'same' | 'new' | 'fault' | 'back') =>
      store.transaction(async (tx) => {
        if (work === 'claim') await tx.jobs.claim(['blob.verify'], 'a', 0, 1000);
        if (work === 'same') await tx.jobs.saveCheckpoint(job.id, 'a', {});
        if (work === 'new') await tx.jobs.saveCheckpoint(job.id, 'a', { at: testIds.randomHex(4) });
        if (work === 'fault') await tx.jobs.requeue(job.id, 'a', 0, true);
        if (work === 'back') await tx.jobs.requeue(job.id, 'a', 0, false);
      });
    const seen: (number | undefined)[] = [];
    for (const work of ['claim', 'same', 'fault', 'claim', 'back', 'claim', 'new', 'fault', 'claim'] as const) {
      await step(work);
      seen.push(await stalls());
    }
    expect(seen).toEqual([1, 1, 1, 2, 1, 2, 0, 0, 1]);
  });
});

describe.each(adapters())('the job runner on $name', ({ create }) => {
  it('runs a job to its end and tells so', async () => {
    const store = await (await create()).open();
    await startRunner(
      store,
      handlerOf(async ({ input }) => ({ doubled: Number(input['n']) * 2 })),
    );
    const job = await ended(store, await queue(store, { n: 21 }));
    expect(job).toMatchObject({ state: 'succeeded', result: { doubled: 42 }, error: null, attempts: 1 });
    const events = await store.read((tx) => tx.events.list({ after: 0, limit: 10, subject: job.id }));
    expect(events.map((event) => event.type)).toEqual(['job.created', 'job.ended']);
    expect(events[1]?.data).toMatchObject({ kind: 'blob.verify', state: 'succeeded' });
  });

  it('starts at once when it hears of a job', async () => {
    const store = await (await create()).open();
    const timing = { ...fast, pollMs: 3_600_000 };
    await startRunner(
      store,
      handlerOf(async () => ({})),
      { events: store.events, timing },
    );
    expect((await ended(store, await queue(store))).state).toBe('succeeded');
  });

  it('ends a refused job as failed, with the problem', async () => {
    const store = await (await create()).open();
    await startRunner(store, {
      kind: 'blob.verify',
      run: async () => refusal('image.broken', 'The partition table is cut off', { remedy: 'Copy it again.' }),
    });
    expect(await ended(store, await queue(store))).toMatchObject({
      state: 'failed',
      error: { code: 'image.broken', remedy: 'Copy it again.', status: 422 },
    });
  });

  it('tries a fault again later, and gives up after five attempts without a checkpoint', async () => {
    const store = await (await create()).open();
    const clock = createTestClock();
    let attempts = 0;
    const undone: string[] = [];
    await startRunner(
      store,
      handlerOf(
        async () => {
          attempts += 1;
          throw new Error('the disk is on fire');
        },
        async (_, why) => {
          undone.push(why);
        },
      ),
      { clock, timing: { ...fast, leaseMs: 24 * 3_600_000 } },
    );
    const hurry = setInterval(() => clock.advance(60_000), 20);
    const job = await ended(store, await queue(store)).finally(() => clearInterval(hurry));
    expect(job).toMatchObject({ state: 'failed', error: { code: 'server.fault' } });
    expect(job.error?.detail).toContain('the disk is on fire');
    expect(attempts).toBe(5);
    expect(undone).toEqual(['given-up']);
  });

  it('goes on from the checkpoint of a server that died, as often as it takes', async () => {
    const database = await create();
    const [first, second] = [await database.open(), await database.open()];
    const id = await queue(first);
    // Eight lives that die right after their checkpoint: more than the attempts a job has without getting on.
    for (let life = 1; life <= 8; life += 1) {
      await first.transaction(async (tx) => {
        await tx.jobs.claim(['blob.verify'], `dead-${life}`, systemClock.now(), -1);
        await tx.jobs.saveCheckpoint(id, `dead-${life}`, { life });
      });
    }
    await startRunner(
      second,
      handlerOf(async ({ checkpoint }) => ({ from: checkpoint['life'] })),
    );
    expect(await ended(second, id)).toMatchObject({ state: 'succeeded', result: { from: 8 }, attempts: 9 });
  });

  it('gives up a job that kills its server five times', async () => {
    const store = await (await create()).open();
    const id = await queue(store);
    for (let life = 1; life <= 5; life += 1) {
      await store.transaction((tx) => tx.jobs.claim(['blob.verify'], `dead-${life}`, systemClock.now(), -1));
    }
    let ran = false;
    await startRunner(
      store,
      handlerOf(async () => {
        ran = true;
        return {};
      }),
    );
    expect(await ended(store, id)).toMatchObject({ state: 'failed', error: { code: 'server.fault' } });
    expect(ran).toBe(false);
  });

  it('takes up at once what its own last life left', async () => {
    const store = await (await create()).open();
    const id = await queue(store);
    await store.transaction((tx) => tx.jobs.claim(['blob.verify'], 'me#earlier', systemClock.now(), 3_600_000));
    await startRunner(
      store,
      handlerOf(async () => ({})),
      { owner: 'me' },
    );
    expect((await ended(store, id)).state).toBe('succeeded');
  });

  it('keeps the lease of a long job', async () => {
    const database = await create();
    const [first, second] = [await database.open(), await database.open()];
    let runs = 0;
    const timing = { ...fast, leaseMs: 3000 };
    const handler = handlerOf(async ({ signal }) => {
      runs += 1;
      await sleep(2 * timing.leaseMs, undefined, { signal });
      return {};
    });
    await startRunner(first, handler, { timing });
    await startRunner(second, handler, { timing });
    expect((await ended(first, await queue(first))).state).toBe('succeeded');
    expect(runs).toBe(1);
  });

  it('stops a job whose lease another server took', async () => {
    const store = await (await create()).open();
    let reason = '';
    await startRunner(
      store,
      handlerOf(async (context) => {
        await store.transaction(async (tx) => {
          await tx.jobs.takeBack('');
          await tx.jobs.claim(['blob.verify'], 'thief', systemClock.now(), 3_600_000);
        });
        await untilAborted(context).catch((error: Error) => {
          reason = error.message;
        });
        await expect(context.saveCheckpoint({ late: true })).rejects.toThrow('taken this job over');
        return {};
      }),
    );
    const id = await queue(store);
    for (let waited = 0; reason === '' && waited < 5000; waited += 20) await sleep(20);
    expect(reason).toContain('taken this job over');
    await sleep(100);
    expect(await store.read((tx) => tx.jobs.get(id))).toMatchObject({ state: 'running', leaseOwner: 'thief' });
  });

  it('undoes a cancelled job, also one that never began', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    const jobs = createJobs({ store, enqueue, again: {} });
    const undone: string[] = [];
    const handler = handlerOf(
      (context) => untilAborted(context),
      async ({ id }, why) => {
        undone.push(`${id} ${why}`);
      },
    );
    const waiting = await queue(store);
    expect(await jobs.cancel(who(tenant), waiting)).toMatchObject({ ok: false, code: 'job.not-found' });
    expect(await jobs.cancel(who(null), waiting)).toMatchObject({ ok: true, value: { cancelRequested: true } });
    await startRunner(store, handler);
    expect((await ended(store, waiting)).state).toBe('cancelled');
    const begun = await queue(store);
    await sleep(150);
    await jobs.cancel(who(null), begun);
    expect(await ended(store, begun)).toMatchObject({ state: 'cancelled', error: { code: 'job.cancelled' } });
    expect(undone).toEqual([`${waiting} cancelled`, `${begun} cancelled`]);
    expect(await jobs.cancel(who(null), begun)).toMatchObject({ ok: false, code: 'job.finished' });
  });

  it('gives jobs back at an orderly stop, and the next life goes on at once', async () => {
    const store = await (await create()).open();
    const first = await startRunner(
      store,
      handlerOf(async (context) => {
        await context.saveCheckpoint({ half: true });
        return untilAborted(context);
      }),
    );
    const id = await queue(store);
    for (let i = 0; i < 200 && (await store.read((tx) => tx.jobs.get(id)))?.checkpoint['half'] !== true; i += 1) {
      await sleep(20);
    }
    await first.stop();
    expect(await store.read((tx) => tx.jobs.get(id))).toMatchObject({ state: 'queued', leaseOwner: null, stalls: 0 });
    await startRunner(
      store,
      handlerOf(async ({ checkpoint }) => ({ ...checkpoint })),
    );
    expect((await ended(store, id)).result).toEqual({ half: true });
  });

  it('shows progress live, and stores the latest now and then', async () => {
    const store = await (await create()).open();
    const live: DomainEvent[] = [];
    const progress = createProgressFeed({ log: createTestLog() });
    progress.subscribe((event) => live.push(event));
    await startRunner(
      store,
      handlerOf(async (context) => {
        for (let done = 1; done <= 50; done += 1) context.progress({ step: 'read', done, total: 50, unit: 'bytes' });
        return {};
      }),
      { progress },
    );
    const job = await ended(store, await queue(store));
    expect(job.progress).toEqual({ step: 'read', done: 50, total: 50, unit: 'bytes' });
    expect(live.length).toBeGreaterThan(0);
    expect(live[0]).toMatchObject({ id: null, type: 'job.progress', subject: job.id });
  });

  it('runs as many at once as it may, and no more', async () => {
    const store = await (await create()).open();
    let now = 0;
    let most = 0;
    const handler = handlerOf(async () => {
      now += 1;
      most = Math.max(most, now);
      // Nobody leaves before three are in; then there is time for a fourth to come, which must not.
      for (let waited = 0; most < 3 && waited < 10_000; waited += 10) await sleep(10);
      await sleep(50);
      now -= 1;
      return {};
    });
    await startRunner(store, handler, { concurrency: 3 });
    const ids = await Promise.all(Array.from({ length: 9 }, () => queue(store)));
    for (const id of ids) expect((await ended(store, id)).state).toBe('succeeded');
    expect(most).toBe(3);
  });

  it('answers the verification under way instead of a second', async () => {
    const store = await (await create()).open();
    const jobs = createJobs({ store, enqueue, again: {} });
    const first = await jobs.maintain(who(null), 'blob.verify');
    const second = await jobs.maintain(who(null), 'blob.verify');
    expect(first).toEqual(second);
    expect(await jobs.maintain(who(await makeTenant(store, 't')), 'blob.verify')).toMatchObject({
      code: 'auth.forbidden',
    });
  });
});
