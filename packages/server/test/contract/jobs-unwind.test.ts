import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { refusal, success } from '@drover/contract';
import type { SqlStore } from '../../src/adapters/sql/index.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import type { JobHandler } from '../../src/app/jobs/handler.js';
import type { JobRecord } from '../../src/app/jobs/ports.js';
import { createJobRunner } from '../../src/app/jobs/runner.js';
import { adapters } from './support/databases.js';
import { createTestLog, systemClock, testIds } from './support/world.js';

const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
const timing = { leaseMs: 60_000, renewMs: 200, tickMs: 20, liveMs: 0, pollMs: 30, stopMs: 5000 };

/** Queues one job, lets the handler have it, and waits for its end. */
const carryOut = async (store: SqlStore, handler: JobHandler, before?: (id: string) => Promise<void>) => {
  const id = await store.transaction((tx) =>
    enqueue(tx, { kind: handler.kind, tenant: null, subject: null, input: {} }),
  );
  await before?.(id);
  const runner = createJobRunner({
    ...{ store, timing, clock: systemClock, ids: testIds, log: createTestLog() },
    ...{ handlers: [handler], concurrency: 1, owner: testIds.randomHex(4) },
  });
  await runner.start(new AbortController().signal);
  try {
    for (;;) {
      const job = await store.read((tx) => tx.jobs.get(id));
      if (job?.endedAt != null) return job;
      await sleep(20);
    }
  } finally {
    await runner.stop();
  }
};

const cancelOf = (store: SqlStore) => (id: string) => store.transaction((tx) => tx.jobs.requestCancel(id));
const recordOf = (key: string) => ({
  ...{
    scope: 'unwind',
    key,
    fingerprint: '',
    status: 200,
    answer: '',
    createdAt: new Date().toISOString(),
    owner: 'o',
  },
});

describe.each(adapters())('a job on $name that does not succeed', ({ create }) => {
  it('is taken back in the transaction that ends it: both or neither', async () => {
    const store = await (await create()).open();
    let attempts = 0;
    const states: (JobRecord['state'] | undefined)[] = [];
    const job = await carryOut(store, {
      kind: 'blob.verify',
      run: async () => refusal('image.broken', 'It is broken.'),
      unwind: async (tx, { id }, end) => {
        attempts += 1;
        expect(end).toEqual({
          ...{ state: 'failed', reason: 'It is broken.', isGivenUp: false },
          error: expect.objectContaining({ code: 'image.broken' }) as unknown,
        });
        expect(await tx.idempotency.begin(recordOf('taken back'))).toBeUndefined();
        states.push((await tx.jobs.get(id))?.state);
        if (attempts === 1) throw new Error('the first time it fails');
        return undefined;
      },
    });
    expect(job).toMatchObject({ state: 'failed', error: { code: 'image.broken' } });
    expect(states).toEqual(['running', 'running']);
  });

  it('has succeeded when its work was done before a crash, also when it was cancelled since', async () => {
    const store = await (await create()).open();
    const handler: JobHandler = {
      kind: 'blob.verify',
      run: async () => Promise.reject(new Error('it must not run again')),
      unwind: async () => ({ made: 'before' }),
    };
    const job = await carryOut(store, handler, cancelOf(store));
    expect(job).toMatchObject({ state: 'succeeded', error: null, result: { made: 'before' } });
    const [event] = await store.read((tx) =>
      tx.events.list({ after: 0, limit: 10, type: 'job.ended', subject: job.id }),
    );
    expect(event?.data).toMatchObject({ state: 'succeeded', result: { made: 'before' } });
  });
});

describe.each(adapters())('a job on $name that ended', ({ create }) => {
  it('is tidied up after, however it ended, and a fault there changes nothing', async () => {
    const store = await (await create()).open();
    const seen: string[] = [];
    const handler: JobHandler = {
      kind: 'blob.verify',
      run: async () => success({}),
      tidy: async ({ id }) => {
        seen.push((await store.read((tx) => tx.jobs.get(id)))?.state ?? 'gone');
        throw new Error('it cannot be thrown away');
      },
    };
    expect((await carryOut(store, handler)).state).toBe('succeeded');
    expect((await carryOut(store, handler, cancelOf(store))).state).toBe('cancelled');
    await expect.poll(() => seen).toEqual(['succeeded', 'cancelled']);
  });
});
