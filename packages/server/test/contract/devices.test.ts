import { describe, expect, it } from 'vitest';
import type { Device, DeviceCreate, Page, Result } from '@drover/contract';
import { createDevices } from '../../src/app/devices/devices.js';
import { createRegistration } from '../../src/app/devices/register.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { makeFleet, makeTenant, who } from './support/fleet.js';
import { aDevice, at } from './support/records.js';
import { createTestClock, testIds } from './support/world.js';
import { noPower } from './support/no-power.js';

const clock = createTestClock();
const setUp = async (store: Store) => {
  const tenant = await makeTenant(store, 'default');
  const registration = createRegistration({ store, clock, ids: testIds, defaultTenant: tenant });
  return {
    tenant,
    devices: createDevices({ store, clock, ...noPower }),
    register: registration.create,
    adopt: registration.adopt,
  };
};

const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
};
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);
const names = (result: Result<Page<Device>>): string[] => valueOf(result).items.map((device) => device.name);
const wanted = (change: Partial<DeviceCreate> = {}): DeviceCreate => ({
  model: 'other',
  site: 'default',
  labels: {},
  ...change,
});

describe.each(adapters())('devices on $name', ({ create }) => {
  it('are found by id, name, serial, MAC and prefix, in any case of letters', async () => {
    const store = await (await create()).open();
    const { tenant, devices, register } = await setUp(store);
    const made = valueOf(
      await register(who(tenant), wanted({ name: 'lab-1', mac: 'dc:a6:32:01:36:c2', serial: '10000000abcdef01' })),
    );
    expect(made).toMatchObject({ bootPrefix: 'abcdef01', state: 'available', etag: '"1"', lastSeenAt: null });
    for (const ref of [made.id, 'lab-1', 'DC:A6:32:01:36:C2', '10000000ABCDEF01', 'abcdef01']) {
      expect(valueOf(await devices.get(who(tenant, 'reader'), ref)).id).toBe(made.id);
    }
    expect(codeOf(await devices.get(who(tenant), 'lab-2'))).toBe('device.not-found');
  });

  it('that could be meant by one name are named both', async () => {
    const store = await (await create()).open();
    const { tenant, devices } = await setUp(store);
    const other = await makeTenant(store, 'other');
    const [mine] = await makeFleet(store, tenant, 1);
    const [theirs] = await makeFleet(store, other, 1);
    expect(valueOf(await devices.get(who(tenant), 'pi-0')).id).toBe(mine?.id);
    const both = await devices.get(who(null), 'pi-0');
    expect(both).toMatchObject({ code: 'device.ambiguous', conflicts: [mine?.id, theirs?.id] });
    expect(valueOf(await devices.get(who(null), theirs?.id ?? '')).id).toBe(theirs?.id);
    expect(codeOf(await devices.get(who(tenant), theirs?.id ?? ''))).toBe('device.not-found');
  });

  it('that nobody adopted are for operators to see', async () => {
    const store = await (await create()).open();
    const { tenant, devices } = await setUp(store);
    await store.transaction((tx) => tx.devices.insert(aDevice({ name: 'new', createdAt: at(5) })));
    await makeFleet(store, tenant, 1);
    const query = { limit: 10 };
    expect(names(await devices.list(who(tenant, 'operator'), query))).toEqual(['new', 'pi-0']);
    expect(names(await devices.list(who(tenant, 'reader'), query))).toEqual(['pi-0']);
    expect(names(await devices.list(who(null, 'reader'), query))).toEqual(['new', 'pi-0']);
    expect(codeOf(await devices.get(who(tenant, 'reader'), 'new'))).toBe('device.not-found');
    expect(codeOf(await devices.get(who(tenant, 'operator'), 'new'))).toBe('ok');
    expect(codeOf(await devices.list(who(tenant, 'device'), query))).toBe('auth.forbidden');
  });

  it('are listed by state, model, site, label and image', async () => {
    const store = await (await create()).open();
    const { tenant, devices } = await setUp(store);
    await makeFleet(store, tenant, 4, (i) => ({
      createdAt: at(i),
      model: i < 2 ? 'pi4' : 'pi5',
      site: i === 3 ? 'attic' : 'default',
      labels: { rack: 'a', slot: String(i) },
      state: i === 0 ? 'failed' : 'available',
    }));
    const list = async (query: object) => names(await devices.list(who(tenant), { limit: 10, ...query }));
    expect(await list({})).toEqual(['pi-3', 'pi-2', 'pi-1', 'pi-0']);
    expect(await list({ state: 'available' })).toEqual(['pi-3', 'pi-2', 'pi-1']);
    expect(await list({ model: 'pi5', site: 'default' })).toEqual(['pi-2']);
    expect(await list({ selector: 'rack=a,slot=1' })).toEqual(['pi-1']);
    expect(await list({ selector: 'rack=b' })).toEqual([]);
    expect(codeOf(await devices.list(who(tenant), { limit: 10, image: 'nothing' }))).toBe('image.not-found');
    expect(codeOf(await devices.list(who(tenant), { limit: 10, selector: '=' }))).toBe('request.invalid');
  });

  it('page without gap or repetition while others come and go', async () => {
    const store = await (await create()).open();
    const { tenant, devices } = await setUp(store);
    await makeFleet(store, tenant, 25, (i) => ({ createdAt: at(Math.floor(i / 5)) }));
    const seen: string[] = [];
    let cursor: string | undefined;
    let round = 0;
    do {
      const page = valueOf(await devices.list(who(tenant), { limit: 4, cursor }));
      seen.push(...page.items.map((device) => device.name));
      cursor = page.next ?? undefined;
      round += 1;
      const late = aDevice({ tenant, name: `late-${round}`, createdAt: at(100 + round), state: 'available' });
      await store.transaction((tx) => tx.devices.insert(late));
    } while (cursor !== undefined);
    expect(seen).toHaveLength(25);
    expect(new Set(seen)).toEqual(new Set(Array.from({ length: 25 }, (_, i) => `pi-${i}`)));
  });

  it('refuse a cursor that is none of this list', async () => {
    const store = await (await create()).open();
    const { tenant, devices } = await setUp(store);
    const others = ['x', '!!', Buffer.from('[1]').toString('base64url'), Buffer.from('["a"]').toString('base64url')];
    for (const cursor of [...others, Buffer.from('["a",{}]').toString('base64url'), '']) {
      await expect(devices.list(who(tenant), { limit: 4, cursor })).rejects.toMatchObject({
        refusal: { code: 'request.cursor-invalid' },
      });
    }
  });

  it('are registered with what they will be known by, which must be free', async () => {
    const store = await (await create()).open();
    const { tenant, register } = await setUp(store);
    const other = await makeTenant(store, 'other');
    expect(codeOf(await register(who(tenant), wanted()))).toBe('request.invalid');
    const first = valueOf(await register(who(tenant), wanted({ mac: 'dc:a6:32:00:00:01' })));
    expect(first.name).toBe('pi-000001');
    const again = await register(who(tenant), wanted({ mac: 'dc:a6:32:00:00:01' }));
    expect(again).toMatchObject({ code: 'device.identity-conflict', conflicts: [first.id] });
    expect(again.ok ? '' : again.detail).toContain('pi-000001');
    const foreign = await register(who(other), wanted({ mac: 'dc:a6:32:00:00:01' }));
    expect(foreign).toMatchObject({ code: 'device.identity-conflict', conflicts: [] });
    expect(foreign.ok ? '' : foreign.detail).not.toContain('pi-000001');
    const sameSerial = { serial: '10000000abcdef01' };
    valueOf(await register(who(tenant), wanted(sameSerial)));
    expect(codeOf(await register(who(tenant), wanted({ serial: '20000000abcdef01' })))).toBe(
      'device.identity-conflict',
    );
    // Another site is another network: the same MAC may be there.
    expect(codeOf(await register(who(tenant), wanted({ mac: 'dc:a6:32:00:00:01', site: 'attic' })))).toBe('ok');
    expect(codeOf(await register(who(tenant), wanted({ mac: 'dc:a6:32:00:00:09', name: 'pi-000001' })))).toBe(
      'device.identity-conflict',
    );
    expect(codeOf(await register(who(tenant, 'reader'), wanted(sameSerial)))).toBe('auth.forbidden');
  });

  it('are adopted under a free name', async () => {
    const store = await (await create()).open();
    const { tenant, adopt } = await setUp(store);
    const boards = [
      aDevice({ name: 'pi-aaaaaaaa', bootPrefix: 'aaaaaaaa' }),
      aDevice({ name: 'pi-b', mac: 'dc:a6:32:01:02:03', labels: { rack: 'z' } }),
    ];
    await store.transaction(async (tx) => {
      for (const board of boards) await tx.devices.insert(board);
    });
    await makeFleet(store, tenant, 1, () => ({ name: 'pi-aaaaaaaa' }));
    const first = valueOf(await adopt(who(tenant), boards[0]!.id, { labels: { rack: 'a' } }));
    expect(first).toMatchObject({ name: 'pi-aaaaaaaa-2', state: 'available', tenant, labels: { rack: 'a' } });
    expect(codeOf(await adopt(who(tenant), boards[1]!.id, { name: 'pi-aaaaaaaa' }))).toBe('device.identity-conflict');
    const second = valueOf(await adopt(who(null), boards[1]!.id, { name: 'shelf' }));
    expect(second).toMatchObject({ name: 'shelf', tenant, labels: { rack: 'z' } });
    expect(codeOf(await adopt(who(tenant), 'shelf', {}))).toBe('device.state');
  });

  it('are adopted by one of two tenants', async () => {
    const store = await (await create()).open();
    const { tenant, adopt } = await setUp(store);
    const other = await makeTenant(store, 'other');
    const board = aDevice({ name: 'new' });
    await store.transaction((tx) => tx.devices.insert(board));
    const results = await Promise.all([adopt(who(tenant), board.id, {}), adopt(who(other), board.id, {})]);
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(results.map(codeOf).sort()).toEqual(['device.not-found', 'ok']);
  });

  it('change for whoever knows their latest state', async () => {
    const store = await (await create()).open();
    const { tenant, devices } = await setUp(store);
    await makeFleet(store, tenant, 2);
    const first = valueOf(await devices.update(who(tenant), 'pi-0', { name: 'lamp', labels: { a: 'b' } }, '"1"'));
    expect(first).toMatchObject({ name: 'lamp', labels: { a: 'b' }, etag: '"2"' });
    expect(codeOf(await devices.update(who(tenant), 'lamp', { labels: {} }, '"1"'))).toBe('precondition.failed');
    expect(codeOf(await devices.update(who(tenant), 'lamp', { name: 'pi-1' }))).toBe('device.identity-conflict');
    expect(valueOf(await devices.update(who(tenant), 'lamp', { labels: {} }, '*')).labels).toEqual({});
    expect(codeOf(await devices.update(who(tenant, 'reader'), 'lamp', {}))).toBe('auth.forbidden');
    const raced = await Promise.all(
      ['x', 'y', 'z'].map((name) => devices.update(who(tenant), 'pi-1', { name }, '"1"')),
    );
    expect(raced.filter((result) => result.ok)).toHaveLength(1);
  });

  it('are forgotten unless they are in use', async () => {
    const store = await (await create()).open();
    const { tenant, devices, register } = await setUp(store);
    await makeFleet(store, tenant, 2, (i) => ({
      state: i === 0 ? 'in-use' : 'available',
      labels: { a: 'b' },
      identities: [{ kind: 'mac', value: `dc:a6:32:00:00:0${i}` }],
    }));
    expect(codeOf(await devices.remove(who(tenant), 'pi-0'))).toBe('device.state');
    expect(codeOf(await devices.remove(who(tenant), 'pi-1', '"9"'))).toBe('precondition.failed');
    expect(codeOf(await devices.remove(who(tenant), 'pi-1', '"1"'))).toBe('ok');
    expect(codeOf(await devices.get(who(tenant), 'pi-1'))).toBe('device.not-found');
    expect(codeOf(await register(who(tenant), wanted({ mac: 'dc:a6:32:00:00:01' })))).toBe('ok');
  });
});
