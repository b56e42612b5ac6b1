import { describe, expect, it } from 'vitest';
import type { AuditEntry } from '@drover/contract';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { createMaintenance } from '../../src/composition/maintenance.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { aJob, anImage } from './support/records.js';
import { createTestClock, createTestLog, iso, testIds } from './support/world.js';

const dayMs = 86_400_000;
const now = Date.UTC(2026, 5, 1);
const daysAgo = (days: number): string => iso(now - days * dayMs);
const retention = { sessionsDays: 30, eventsDays: 90, jobsDays: 30, auditDays: 365 };

const didAt = (days: number): Omit<AuditEntry, 'seq'> => ({
  ...{ at: daysAgo(days), key: null, keyName: `${days} days ago`, tenant: null, operation: 'provision' },
  ...{ subject: null, outcome: 'ok', address: '127.0.0.1', requestId: testIds.next('req') },
});

/** One round of the chores. */
const tidyUp = async (store: Store): Promise<void> => {
  const clock = createTestClock(now);
  const quiet = { prune: async () => 0, sweep: async () => undefined } as never;
  const service = createMaintenance({
    disks: { removeDue: async () => 0 },
    ...{ store, clock, retention, log: createTestLog(), enqueue: createEnqueue({ clock, ids: testIds }) },
    ...{ idempotency: quiet, uploads: quiet, webSessions: quiet, tracks: quiet, collectBuilds: async () => undefined },
  });
  await service.start(new AbortController().signal);
  await service.stop();
};

describe.each(adapters())('what is older than it is kept, on $name,', ({ create }) => {
  it('is forgotten: audit trail, events and ended jobs, each after its own time', async () => {
    const store = await (await create()).open();
    await store.transaction(async (tx) => {
      for (const days of [364, 366, 1000]) await tx.audit.append(didAt(days));
      for (const days of [89, 91])
        await tx.events.append({
          type: 'server.started',
          at: daysAgo(days),
          tenant: null,
          subject: 'x',
          data: { days },
        });
      for (const days of [29, 31])
        await tx.jobs.insert(
          aJob({ state: 'failed', createdAt: daysAgo(50), endedAt: daysAgo(days), input: { days } }),
        );
      await tx.jobs.insert(aJob({ state: 'running', createdAt: daysAgo(50), input: { days: 'not ended' } }));
    });
    await tidyUp(store);
    const left = await store.read(async (tx) => ({
      audit: (await tx.audit.list({}, { limit: 10 })).items.map(({ keyName }) => keyName),
      events: (await tx.events.list({ after: 0, limit: 10, type: 'server.started' })).map(({ data }) => data['days']),
      jobs: (await tx.jobs.list({}, { limit: 10 })).items.map(({ input }) => input['days']),
    }));
    expect(left).toMatchObject({ audit: ['364 days ago'], events: [89] });
    expect(left.jobs.map(String).sort()).toEqual(['29', 'not ended']);
  });

  it('blobs included that nothing needs any more: their collection begins by itself, once', async () => {
    const store = await (await create()).open();
    const image = anImage({ digest: 'a'.repeat(64) });
    const collections = async () =>
      (await store.read((tx) => tx.jobs.list({ kind: 'blob.collect' }, { limit: 9 }))).items;
    await store.transaction(async (tx) => {
      await tx.images.insert(image);
      await tx.blobs.record({ digest: image.digest ?? '', size: 1 }, daysAgo(1));
      await tx.blobs.record({ digest: 'b'.repeat(64), size: 1 }, iso(now));
    });
    await tidyUp(store);
    expect(await collections()).toEqual([]);
    await store.transaction((tx) => tx.images.delete(image.id));
    await tidyUp(store);
    await tidyUp(store);
    expect((await collections()).map(({ state }) => state)).toEqual(['queued']);
  });
});
