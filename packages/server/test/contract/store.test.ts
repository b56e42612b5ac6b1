import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../src/app/events/ports.js';
import type { Store, Transaction } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { aKey, aTenant, someTime } from './support/records.js';
import { testIds } from './support/world.js';

const appendEvent = (tx: Transaction, subject: string): Promise<void> =>
  tx.events.append({ type: 'key.created', at: someTime, tenant: null, subject, data: { subject } });

const idsOf = (events: readonly StoredEvent[]): number[] => events.map((event) => event.id);
const subjects = (events: readonly StoredEvent[]): string[] => events.map((event) => event.subject);
const allEvents = (store: Store): Promise<StoredEvent[]> =>
  store.read((tx) => tx.events.list({ after: 0, limit: 10_000 }));

const until = async (condition: () => boolean, ms = 10_000): Promise<void> => {
  for (let waited = 0; !condition(); waited += 10) {
    if (waited > ms) throw new Error('what was waited for did not come');
    await sleep(10);
  }
};

describe.each(adapters())('transactions on $name', ({ create }) => {
  it('keep everything, or nothing with its event', async () => {
    const store = await (await create()).open();
    const [kept, lost] = [aTenant('kept'), aTenant('lost')];
    await store.transaction(async (tx) => {
      await tx.tenants.insert(kept);
      await appendEvent(tx, kept.id);
    });
    const failing = store.transaction(async (tx) => {
      await tx.tenants.insert(lost);
      await appendEvent(tx, lost.id);
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect((await store.read((tx) => tx.tenants.list({ limit: 10 }))).items).toEqual([kept]);
    expect(subjects(await allEvents(store))).toEqual([kept.id]);
  });

  it('are gone after a statement failed, and the store goes on', async () => {
    const store = await (await create()).open();
    const tenant = aTenant('one');
    await store.transaction((tx) => tx.tenants.insert(tenant));
    const twice = store.transaction(async (tx) => {
      await tx.tenants.insert(aTenant('two'));
      await tx.tenants.insert({ ...tenant, id: testIds.next('ten') });
    });
    await expect(twice).rejects.toThrow(/unique/i);
    expect((await store.read((tx) => tx.tenants.list({ limit: 10 }))).items).toEqual([tenant]);
  });

  it('do not begin within one another', async () => {
    const store = await (await create()).open();
    const nested = store.transaction(async () => store.read((tx) => tx.events.lastId()));
    await expect(nested).rejects.toThrow('within another');
    expect(await store.read((tx) => tx.events.lastId())).toBe(0);
  });

  it('cannot change anything when they only read', async () => {
    const store = await (await create()).open();
    await expect(store.read((tx) => tx.tenants.insert(aTenant('x')))).rejects.toThrow(/read-?only/);
    await expect(store.read((tx) => appendEvent(tx, 'x'))).rejects.toThrow('within a read');
    await store.transaction((tx) => tx.tenants.insert(aTenant('y')));
    expect((await store.read((tx) => tx.tenants.list({ limit: 10 }))).items).toHaveLength(1);
  });

  it('see no half of another, and lose no update, with two servers on one database', async () => {
    const database = await create();
    const servers = await Promise.all([database.open(), database.open()]);
    const name = 'counter';
    await servers[0].transaction((tx) => tx.settings.putIfAbsent(name, '0'));
    const key = aKey({ name: '0' });
    await servers[0].transaction((tx) => tx.keys.insert(key));
    const raise = (store: Store): Promise<void> =>
      store.transaction(async (tx) => {
        const before = await tx.idempotency.begin(record('n'));
        const count = before?.status ?? 0;
        await tx.idempotency.complete(record('n'), count + 1, 'x');
      });
    const record = (id: string) => ({
      scope: 'scope',
      key: id,
      fingerprint: 'f',
      status: null,
      answer: null,
      createdAt: someTime,
      owner: 'o',
    });
    await Promise.all(Array.from({ length: 60 }, (_, i) => raise(servers[i % 2] ?? servers[0])));
    const final = await servers[0].transaction((tx) => tx.idempotency.begin(record('n')));
    expect(final?.status).toBe(60);
  });

  it('keep an invariant over several rows (no write skew)', async () => {
    const database = await create();
    const [a, b] = await Promise.all([database.open(), database.open()]);
    const keys = [aKey(), aKey()];
    await a.transaction(async (tx) => {
      for (const key of keys) await tx.keys.insert(key);
    });
    const revoke = (store: Store, id: string): Promise<boolean> =>
      store.transaction(async (tx) => {
        if ((await tx.keys.countActive('admin', someTime)) < 2) return false;
        await tx.keys.revoke(id, someTime);
        return true;
      });
    const [first, second] = await Promise.all([revoke(a, keys[0]!.id), revoke(b, keys[1]!.id)]);
    expect([first, second].sort()).toEqual([false, true]);
    expect(await a.read((tx) => tx.keys.countActive('admin', someTime))).toBe(1);
  });

  it('keep texts as they are, byte by byte in order, and replace what no database can hold', async () => {
    const store = await (await create()).open();
    const names = ['B', 'a', 'A', 'é', 'z', '_', '0'];
    await store.transaction(async (tx) => {
      for (const name of names) await tx.blobs.record({ digest: name, size: 2 ** 52 + 1 }, someTime);
      await tx.settings.putIfAbsent('text', "it's \u{1F980} \0 \\ \n %");
    });
    const listed = await store.read((tx) => tx.blobs.list({ limit: 10 }));
    expect(listed.items.map((blob) => blob.digest)).toEqual(['0', 'A', 'B', '_', 'a', 'z', 'é']);
    expect(listed.items[0]?.size).toBe(2 ** 52 + 1);
    expect(await store.read((tx) => tx.settings.get('text'))).toBe("it's \u{1F980} \uFFFD \\ \n %");
  });

  it('answer to a ping', async () => {
    const store = await (await create()).open();
    await expect(store.ping()).resolves.toBeUndefined();
  });
});

describe.each(adapters())('the event feed on $name', ({ create }) => {
  it('tells this process and another what was committed, in order, and nothing else', async () => {
    const database = await create();
    const [here, there] = await Promise.all([database.open(), database.open()]);
    await here.transaction((tx) => appendEvent(tx, 'before'));
    const [mine, theirs]: [StoredEvent[], StoredEvent[]] = [[], []];
    await sleep(300);
    here.events.subscribe((event) => mine.push(event));
    there.events.subscribe((event) => theirs.push(event));
    await Promise.all(
      Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? here : there).transaction((tx) => appendEvent(tx, `e${i}`))),
    );
    await here
      .transaction(async (tx) => {
        await appendEvent(tx, 'rolled back');
        throw new Error('no');
      })
      .catch(() => undefined);
    await here.transaction((tx) => appendEvent(tx, 'last'));
    await until(() => subjects(mine).includes('last') && subjects(theirs).includes('last'));
    const logged = (await allEvents(here)).filter((event) => event.subject !== 'before');
    expect(mine).toEqual(logged);
    expect(theirs).toEqual(logged);
    expect(idsOf(mine)).toEqual([...idsOf(mine)].sort((a, b) => a - b));
    expect(new Set(subjects(mine)).size).toBe(41);
  });

  it('tells this process without waiting to look', async () => {
    const store = await (await create()).open(3_600_000);
    const seen: string[] = [];
    store.events.subscribe((event) => seen.push(event.subject));
    await store.transaction((tx) => appendEvent(tx, 'x'));
    await until(() => seen.length === 1);
  });

  it('goes on when a listener fails, and stops for one that left', async () => {
    const store = await (await create()).open();
    const seen: string[] = [];
    store.events.subscribe(() => {
      throw new Error('a bad listener');
    });
    const leave = store.events.subscribe((event) => seen.push(event.subject));
    await store.transaction((tx) => appendEvent(tx, 'one'));
    await until(() => seen.length === 1);
    leave();
    await store.transaction((tx) => appendEvent(tx, 'two'));
    await sleep(300);
    expect(seen).toEqual(['one']);
  });

  it('never shows a later event before an earlier one, so that resuming by id skips nothing', async () => {
    const database = await create();
    const servers = await Promise.all([database.open(), database.open(), database.open()]);
    let running = true;
    const read: number[] = [];
    const follower = (async () => {
      let after = 0;
      while (running) {
        const events = await servers[2].read((tx) => tx.events.list({ after, limit: 3 }));
        for (const event of events) {
          read.push(event.id);
          after = event.id;
        }
      }
      for (const event of await servers[2].read((tx) => tx.events.list({ after, limit: 1000 }))) read.push(event.id);
    })();
    await Promise.all(
      Array.from({ length: 90 }, (_, i) =>
        (servers[i % 2] ?? servers[0]).transaction(async (tx) => {
          await appendEvent(tx, `first ${i}`);
          await tx.settings.putIfAbsent(`s${i}`, 'x');
          await appendEvent(tx, `second ${i}`);
        }),
      ),
    );
    running = false;
    await follower;
    expect(read).toEqual(idsOf(await allEvents(servers[0])));
    expect(read).toHaveLength(180);
  });
});
