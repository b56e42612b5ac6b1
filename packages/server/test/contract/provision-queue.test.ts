import { describe, expect, it } from 'vitest';
import type { Provision, ProvisionRequest, Result } from '@drover/contract';
import type { Prepare } from '../../src/app/devices/ports.js';
import { createProvisionRequests } from '../../src/app/devices/provision-requests.js';
import { createProvisioning } from '../../src/app/devices/provisioning.js';
import { createDeviceKeeper } from '../../src/app/devices/keeper.js';
import type { SqlStore } from '../../src/adapters/sql/index.js';
import { adapters } from './support/databases.js';
import { firstBoot } from './support/first-boot.js';
import { makeFleet, makeImage, makeTenant } from './support/fleet.js';
import { aKey, anImage } from './support/records.js';
import { createTestClock, createTestLog, testIds } from './support/world.js';
import { noPower } from './support/no-power.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';

const { facts } = anImage({ name: 'debian', version: '12' });
if (facts === null) throw new Error('the image of the tests has no facts');

const prepare: Prepare = { ensure: async () => ({ job: null, what: '', disk: null }), end: async () => undefined };

const wish = (change: Partial<Provision> = { any: true }) => ({
  ...{ image: 'debian:12', rootMode: 'ram' as const, kernelParameters: '' },
  ...change,
});

const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
};
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);

describe.each(adapters())('choosing and waiting on $name', ({ create }) => {
  /** One server's use cases over a store. */
  const serve = (store: SqlStore, tenant: string, clock = createTestClock()) => {
    const deps = {
      store,
      clock,
      ids: testIds,
      enqueue: createEnqueue({ clock, ids: testIds }),
      prepare,
      firstBoot,
      defaultTenant: tenant,
      ...noPower,
    };
    return { store, clock, provisioning: createProvisioning(deps), requests: createProvisionRequests(deps) };
  };
  const open = async (fleet: Parameters<typeof makeFleet>[3] = () => ({}), size = 2) => {
    const database = await create();
    const store = await database.open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store, { facts: { ...facts, models: ['pi3', 'pi4'] } });
    await makeFleet(store, tenant, size, fleet);
    const key = aKey({ tenant, role: 'operator' });
    await store.transaction((tx) => tx.keys.insert(key));
    const asker = { key: key.id, name: key.name, tenant, role: 'operator' as const };
    return { database, tenant, asker, ...serve(store, tenant) };
  };

  it('takes a board by model, memory and site', async () => {
    const kinds = [
      { model: 'pi3' as const, memoryMiB: 1024, site: 'default' },
      { model: 'pi4' as const, memoryMiB: 1024, site: 'default' },
      { model: 'pi4' as const, memoryMiB: 4096, site: 'annex' },
      { model: 'pi4' as const, memoryMiB: 8192, site: 'default' },
    ];
    const { provisioning, asker } = await open((index) => kinds[index] ?? {}, 4);
    const taken = async (change: Partial<Provision>) => {
      const result = await provisioning.provision(asker, wish({ any: true, ...change }));
      return result.ok ? result.value.name : `${result.code}: ${result.detail}`;
    };
    expect(await taken({ memoryMiB: 2048, site: 'default' })).toBe('pi-3');
    expect(await taken({ model: 'pi3' })).toBe('pi-0');
    expect(await taken({ site: 'annex' })).toBe('pi-2');
    expect(await taken({ memoryMiB: 2048 })).toMatch(
      /^device.none-available: No available device with 2048 MiB of memory can run debian:12: pi-1 \(pi4\): has 1024 MiB/,
    );
  });

  it('spreads boards over the values of a label', async () => {
    const racks = ['a', 'a', 'a', 'b', 'b', undefined];
    const labels = (index: number) => ({ labels: racks[index] === undefined ? {} : { rack: racks[index] } });
    const { provisioning, asker } = await open(labels as Parameters<typeof makeFleet>[3], 6);
    const taken: (string | undefined)[] = [];
    for (let each = 0; each < 6; each += 1)
      taken.push(valueOf(await provisioning.provision(asker, wish({ any: true, spread: 'rack' }))).labels['rack']);
    expect(taken).toEqual(['a', 'b', 'a', 'b', 'a', undefined]);
  });

  it('serves who waits in the order they came, past those that nothing fits, and before who comes later', async () => {
    const { provisioning, requests, asker, store, tenant } = await open((index) => ({
      model: index === 0 ? 'pi4' : 'pi3',
    }));
    for (const device of ['pi-0', 'pi-1']) valueOf(await provisioning.provision(asker, wish({ device })));
    const ask = async (change: Partial<Provision>): Promise<ProvisionRequest> =>
      valueOf(await requests.create(asker, { ...wish(change), waitSeconds: 60 }));
    const onlyFour = await ask({ any: true, model: 'pi4' });
    const any = await ask({ any: true });
    const other = await ask({ any: true });
    expect([onlyFour, any, other].map(({ state, position }) => [state, position])).toEqual([
      ['waiting', 1],
      ['waiting', 2],
      ['waiting', 3],
    ]);
    expect(onlyFour).toMatchObject({ wish: 'of model pi4', reason: expect.stringContaining('is available') as string });
    valueOf(await provisioning.release(asker, 'pi-1'));
    // Nobody was served yet; who comes now without waiting has to let them pass.
    expect(codeOf(await provisioning.provision(asker, wish()))).toBe('device.none-available');
    const now = async ({ id }: ProvisionRequest) => valueOf(await requests.get(asker, id));
    expect(await now(any)).toMatchObject({ state: 'granted', position: null, endedAt: expect.any(String) as string });
    expect((await now(other)).position).toBe(2);
    valueOf(await provisioning.release(asker, 'pi-0'));
    expect(await requests.serve()).toBe(1);
    expect((await now(onlyFour)).state).toBe('granted');
    expect((await now(other)).position).toBe(1);
    expect(codeOf(await requests.cancel(asker, onlyFour.id))).toBe('request.ended');
    expect(valueOf(await requests.cancel(asker, other.id)).state).toBe('cancelled');
    const listed = valueOf(await requests.list(asker, { limit: 10, state: 'granted' }));
    expect(listed.items.map(({ id }) => id).sort()).toEqual([onlyFour.id, any.id].sort());
    const events = await store.read((tx) => tx.events.list({ after: 0, limit: 1000 }));
    const told = events
      .filter(({ type }) => type.startsWith('request.'))
      .map(({ type, data }) => [type, data['state']]);
    expect(told.slice(3)).toEqual([
      ['request.granted', 'granted'],
      ['request.granted', 'granted'],
      ['request.ended', 'cancelled'],
    ]);
    expect(events.every((event) => event.tenant === tenant || event.type.startsWith('image.'))).toBe(true);
  });

  it('ends waiting at its time, with a revoked key, and when the image is gone', async () => {
    const { provisioning, requests, asker, clock, store } = await open();
    for (const device of ['pi-0', 'pi-1']) valueOf(await provisioning.provision(asker, wish({ device })));
    const late = valueOf(await requests.create(asker, { ...wish(), waitSeconds: 60 }));
    const patient = valueOf(await requests.create(asker, { ...wish(), waitSeconds: 3600 }));
    clock.advance(61_000);
    await requests.serve();
    expect(valueOf(await requests.get(asker, late.id))).toMatchObject({
      state: 'timed-out',
      reason: 'no device of this tenant came free in time',
    });
    await store.transaction((tx) => tx.keys.revoke(asker.key, new Date(clock.now()).toISOString()));
    valueOf(await provisioning.release(asker, 'pi-0'));
    await requests.serve();
    expect(valueOf(await requests.get(asker, patient.id))).toMatchObject({
      state: 'refused',
      reason: 'the key it was asked with is no longer valid',
    });
    expect(codeOf(await requests.create(asker, { ...wish({ device: 'none' }), waitSeconds: 60 }))).toBe(
      'device.not-found',
    );
    expect(codeOf(await requests.get({ ...asker, tenant: await makeTenant(store, 'other') }, late.id))).toBe(
      'request.not-found',
    );
  });

  it('gives 20 boards to 20 of 60 that wait, each board once, with two servers', async () => {
    const { database, asker, tenant, requests, store } = await open(() => ({}), 20);
    const other = serve(await database.open(), tenant);
    const asked = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        (index % 2 === 0 ? requests : other.requests).create(asker, { ...wish(), waitSeconds: 60 }),
      ),
    );
    await Promise.all([requests.serve(), other.requests.serve()]);
    const all = await Promise.all(asked.map(async (each) => valueOf(await requests.get(asker, valueOf(each).id))));
    const granted = all.filter(({ state }) => state === 'granted').map(({ device }) => device);
    expect(granted).toHaveLength(20);
    expect(new Set(granted).size).toBe(20);
    const positions = all.flatMap(({ position }) => (position === null ? [] : [position]));
    expect(positions.sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
    expect((await store.read((tx) => tx.devices.countByState()))['in-use']).toBe(20);
  });

  it('releases a device when its lease is over, and gives it to who waits', async () => {
    const { provisioning, requests, asker, clock, store } = await open(() => ({}), 1);
    const first = valueOf(await provisioning.provision(asker, wish({ any: true, ttlSeconds: 3600 })));
    expect(first.assignment?.leaseUntil).toBe(new Date(clock.now() + 3_600_000).toISOString());
    const longer = valueOf(await provisioning.lease(asker, first.id, { ttlSeconds: 7200 }));
    expect(longer.assignment).toEqual({
      ...first.assignment,
      leaseUntil: new Date(clock.now() + 7_200_000).toISOString(),
    });
    const waiting = valueOf(
      await requests.create(asker, { ...wish({ any: true, ttlSeconds: 60 }), waitSeconds: 86_400 }),
    );
    const keeper = createDeviceKeeper({
      provisioning,
      requests,
      events: store.events,
      log: createTestLog(),
      intervalMs: 20,
    });
    await keeper.start(new AbortController().signal);
    try {
      clock.advance(7_199_000);
      expect((await store.read((tx) => tx.devices.get(first.id)))?.assignment?.generation).toBe(1);
      clock.advance(1000);
      await expect.poll(async () => valueOf(await requests.get(asker, waiting.id)).state).toBe('granted');
      expect((await store.read((tx) => tx.devices.get(first.id)))?.assignment?.generation).toBe(2);
      const endless = valueOf(await provisioning.lease(asker, first.id, { ttlSeconds: null }));
      expect(endless.assignment?.leaseUntil).toBeNull();
    } finally {
      await keeper.stop();
    }
    clock.advance(86_400_000);
    expect(await provisioning.releaseExpired()).toBe(0);
    valueOf(await provisioning.release(asker, first.id));
    expect(codeOf(await provisioning.lease(asker, first.id, { ttlSeconds: 60 }))).toBe('device.state');
    const events = await store.read((tx) => tx.events.list({ after: 0, limit: 1000 }));
    expect(events.filter(({ type }) => /lease|released/.test(type)).map(({ type }) => type)).toEqual([
      'device.lease-changed',
      'device.lease-expired',
      'device.released',
      'device.lease-changed',
      'device.released',
    ]);
  });
});
