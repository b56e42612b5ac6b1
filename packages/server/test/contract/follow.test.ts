import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { DomainEvent, EventType, Principal } from '@drover/contract';
import { createEvents, type Events } from '../../src/app/events/events.js';
import { createProgressFeed } from '../../src/app/jobs/progress-feed.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { makeTenant, who } from './support/fleet.js';
import { someTime } from './support/records.js';
import { createTestLog } from './support/world.js';

const append = (store: Store, subject: string, tenant: string | null = null, type: EventType = 'device.updated') =>
  store.transaction((tx) => tx.events.append({ type, at: someTime, tenant, subject, data: {} }));

type Query = Parameters<Events['follow']>[1];

/** Begins to follow. What it gives takes `count` events, `slowly` ms for each. */
const follow = async (events: Events, principal: Principal, query: Query) => {
  const abort = new AbortController();
  const followed = await events.follow(principal, query, abort.signal);
  if (!followed.ok) throw new Error(followed.detail);
  return async (count: number, slowly = 0): Promise<DomainEvent[]> => {
    const timer = setTimeout(() => abort.abort(), 30_000);
    const taken: DomainEvent[] = [];
    for await (const event of followed.value) {
      taken.push(event);
      if (slowly > 0) await sleep(slowly);
      if (taken.length === count) break;
    }
    clearTimeout(timer);
    return taken;
  };
};

/** Follows until `count` events came. */
const take = async (events: Events, principal: Principal, query: Query, count: number): Promise<DomainEvent[]> =>
  (await follow(events, principal, query))(count);

describe.each(adapters())('following events on $name', ({ create }) => {
  it('resumes without gap or repetition while others write, also on another server', async () => {
    const database = await create();
    const [here, there] = [await database.open(), await database.open()];
    const events = createEvents({ store: there, feed: there.events });
    for (let i = 0; i < 10; i += 1) await append(here, `s${i}`);
    const writing = (async () => {
      for (let i = 10; i < 120; i += 1) await append(i % 2 === 0 ? here : there, `s${i}`);
    })();
    let after = 0;
    const subjects: string[] = [];
    // Disconnects after every 15 events and comes back with the last id, as a browser does.
    while (subjects.length < 120) {
      const part = await take(events, who(null), { after }, 15);
      subjects.push(...part.map((event) => event.subject));
      after = part.at(-1)?.id ?? after;
    }
    await writing;
    expect(subjects).toEqual(Array.from({ length: 120 }, (_, i) => `s${i}`));
  });

  it('reads the log from its end, for its readers', async () => {
    const store = await (await create()).open();
    const events = createEvents({ store, feed: store.events });
    const tenant = await makeTenant(store, 'acme');
    for (let i = 0; i < 6; i += 1) {
      await append(store, `s${i}`, i % 2 === 0 ? tenant : null, 'device.ready');
    }
    const page = async (principal: Principal, before?: number) => {
      const found = await events.list(principal, { newest: true, before, limit: 2 });
      return found.ok ? found.value : [];
    };
    const last = await page(who(null));
    expect(last.map(({ subject }) => subject)).toEqual(['s5', 's4']);
    expect((await page(who(null), last[1]?.id)).map(({ subject }) => subject)).toEqual(['s3', 's2']);
    expect((await page(who(tenant))).map(({ subject }) => subject)).toEqual(['s4', 's2']);
  });

  it('begins now without an id, and misses nothing however slow the reader is', async () => {
    const store = await (await create()).open();
    const events = createEvents({ store, feed: store.events });
    await append(store, 'before');
    const taking = (await follow(events, who(null), {}))(400, 1);
    await store.transaction(async (tx) => {
      for (let i = 0; i < 400; i += 1) {
        await tx.events.append({ type: 'device.updated', at: someTime, tenant: null, subject: `s${i}`, data: {} });
      }
    });
    expect((await taking).map((event) => event.subject)).toEqual(Array.from({ length: 400 }, (_, i) => `s${i}`));
  });

  it('shows a tenant its own, and what concerns every tenant', async () => {
    const store = await (await create()).open();
    const events = createEvents({ store, feed: store.events });
    const [mine, theirs] = [await makeTenant(store, 'mine'), await makeTenant(store, 'theirs')];
    await append(store, 'a', theirs);
    await append(store, 'b', mine);
    await append(store, 'c', null, 'key.created');
    await append(store, 'd', null, 'device.discovered');
    await append(store, 'e', null, 'blob.corrupt');
    await append(store, 'f', mine, 'key.created');
    const subjects = async (principal: Principal, query: object = {}): Promise<string[]> => {
      const listed = await events.list(principal, { limit: 10, ...query });
      return listed.ok ? listed.value.map((event) => event.subject) : [listed.code];
    };
    expect(await subjects(who(mine, 'reader'))).toEqual(['b', 'd', 'f']);
    expect(await subjects(who(null, 'reader'))).toEqual(['a', 'b', 'c', 'd', 'e', 'f']);
    expect(await subjects(who(null), { after: 2, limit: 2 })).toEqual(['c', 'd']);
    expect(await subjects(who(null), { type: 'key.created' })).toEqual(['c', 'f']);
    expect(await subjects(who(null), { subject: 'a' })).toEqual(['a']);
    expect(await subjects(who(mine, 'device'))).toEqual(['auth.forbidden']);
    expect((await take(events, who(mine), { after: 0 }, 3)).map((event) => event.subject)).toEqual(['b', 'd', 'f']);
    expect((await take(events, who(null), { after: 0, type: 'key.created' }, 2)).map((e) => e.subject)).toEqual([
      'c',
      'f',
    ]);
  });

  it('shows progress in between, the latest of each job', async () => {
    const store = await (await create()).open();
    const progress = createProgressFeed({ log: createTestLog() });
    const events = createEvents({ store, feed: store.events, progress });
    const mine = await makeTenant(store, 'mine');
    const publish = (subject: string, done: number, tenant: string | null): void =>
      progress.publish({ id: null, type: 'job.progress', at: someTime, tenant, subject, data: { done } });
    const taking = (await follow(events, who(mine), {}))(3, 30);
    for (let done = 0; done < 1000; done += 1) publish('job_a', done, mine);
    publish('job_b', 1, mine);
    publish('job_c', 1, null);
    await append(store, 'end', mine);
    const taken = await taking;
    expect(taken.map((event) => event.subject).sort()).toEqual(['end', 'job_a', 'job_b']);
    expect(taken.find((event) => event.subject === 'job_a')).toMatchObject({ id: null, data: { done: 999 } });
  });

  it('ends when the reader leaves', async () => {
    const store = await (await create()).open();
    const events = createEvents({ store, feed: store.events });
    const abort = new AbortController();
    const followed = await events.follow(who(null), {}, abort.signal);
    if (!followed.ok) throw new Error(followed.detail);
    setTimeout(() => abort.abort(), 50);
    const taken: DomainEvent[] = [];
    for await (const event of followed.value) taken.push(event);
    expect(taken).toEqual([]);
  });
});
