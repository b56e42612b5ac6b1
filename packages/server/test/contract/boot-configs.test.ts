import { describe, expect, it } from 'vitest';
import type { BootDocument, Principal } from '@drover/contract';
import { createCardBindings } from '../../src/app/configs/bindings.js';
import { createCardCache } from '../../src/app/configs/card-cache.js';
import { createCards } from '../../src/app/configs/cards.js';
import { createBootLayers } from '../../src/app/configs/layers.js';
import { createTracks } from '../../src/app/configs/tracks.js';
import { createDevices } from '../../src/app/devices/devices.js';
import { createKeys } from '../../src/app/tenants/keys.js';
import { hashing } from '../../src/adapters/hashing/index.js';
import type { SqlStore } from '../../src/adapters/sql/index.js';
import { adapters } from './support/databases.js';
import { makeFleet, makeTenant, who } from './support/fleet.js';
import { valueOf } from './support/importer.js';
import { aKey } from './support/records.js';
import { createTestClock, createTestLog, testIds } from './support/world.js';
import { noPower } from './support/no-power.js';

const mac = 'b8:27:eb:00:00:01';
const keyText = 'an-old-key-of-cards';
const base = 'http://drover.test';
const noBlobs = { read: async () => Promise.reject(new Error('no blobs in this test')) };

/** One server's use cases over a store. */
const serve = (store: SqlStore, defaultTenant: string) => {
  const clock = createTestClock(Date.UTC(2026, 0, 2, 3, 4, 5));
  const tracks = createTracks({ store, clock, log: createTestLog() });
  const common = { store, clock, ids: testIds, defaultTenant };
  const endings = { isValid: true, asked: 0 };
  const endOfKey = async () => {
    endings.asked += 1;
    return endings.isValid ? { expiresAt: null } : undefined;
  };
  return {
    ...{ store, clock, tracks, endings },
    layers: createBootLayers(common),
    bindings: createCardBindings(common),
    devices: createDevices({ ...common, ...noPower }),
    keys: createKeys({ ...common, hashing }),
    cards: createCards({
      ...{ ...common, tracks, blobs: noBlobs },
      ...{ cache: createCardCache({ feed: store.events, clock, endOfKey }), endOfKey },
    }),
  };
};

type Server = ReturnType<typeof serve>;

/** A key that is in the store, as cards' ids and tracks need. */
const keyIn = async (store: SqlStore, tenant: string | null): Promise<Principal> => {
  const key = aKey({ tenant, role: 'operator' });
  await store.transaction((tx) => tx.keys.insert(key));
  return { key: key.id, name: key.name, tenant, role: key.role };
};

const textOf = async ({ cards }: Server, whose: Principal, card: string): Promise<string> =>
  valueOf(await cards.config(whose, whose.key, card))
    .bytes(base)
    .body.toString();

describe.each(adapters())('boot configs on $name', ({ create }) => {
  const open = async () => {
    const database = await create();
    const store = await database.open();
    const tenant = await makeTenant(store, 'signs');
    const [device] = await makeFleet(store, tenant, 1, () => ({
      mac,
      identities: [{ kind: 'mac', value: mac }],
      labels: { rack: 'a', role: 'sign' },
    }));
    if (device === undefined) throw new Error('no device');
    return {
      database,
      tenant,
      device,
      server: serve(store, tenant),
      admin: who(tenant),
      key: await keyIn(store, tenant),
    };
  };
  const put = async ({ layers }: Server, whose: Principal, ref: string, document: BootDocument, more: object = {}) =>
    layers.put(whose, ref, { document, reason: '', ...more });

  it('come of default, groups in their order, and device, each value with its layer', async () => {
    const { server, admin, device } = await open();
    await put(server, admin, 'default', { config: { a: 0, b: 0, c: 0, d: 0 } });
    await put(server, admin, 'group:role=sign,rack=a', { config: { b: 2, c: 2 } });
    await put(server, admin, 'group:rack=a', { config: { b: 1, c: 1, d: 1 } }, { priority: 200 });
    await put(server, admin, 'group:rack=b', { config: { a: 9 } });
    await put(server, admin, `device:${device.name}`, { config: { c: null } });
    const effective = valueOf(await server.layers.explain(admin, `device:${mac}`));
    expect(effective.document).toEqual({ config: { a: 0, b: 1, d: 1 } });
    expect(effective.layers.map(({ ref }) => ref)).toEqual([
      ...['default', 'group:rack=a,role=sign', 'group:rack=a', `device:${device.id}`],
    ]);
    expect(effective.values.map(({ path, layer }) => [path, layer])).toEqual([
      ['config.a', 'default'],
      ['config.b', 'group:rack=a'],
      ['config.d', 'group:rack=a'],
    ]);
  });

  it('show readers no passwords, wherever they are read; cards and operators see them', async () => {
    const { server, admin, tenant, key, device } = await open();
    const { layers, cards } = server;
    const network = (secret: string) => Buffer.from(`network={\n  ssid="a"\n  psk="${secret}"\n}\n`).toString('base64');
    const documentOf = (secret: string): BootDocument => ({
      config: { wpa_supplicant: network(secret), app: { password: secret } },
    });
    await put(server, admin, 'default', documentOf('hush-1'));
    await put(server, admin, 'default', documentOf('hush-2'));
    const read = async (whose: Principal): Promise<string> => {
      const all = [
        ...[await layers.list(whose, { limit: 9 }), await layers.get(whose, 'default')],
        ...[await layers.versions(whose, 'default', { limit: 9 }), await layers.diff(whose, 'default', {})],
        await layers.explain(whose, `device:${device.name}`),
      ];
      const text = JSON.stringify(all.map((each) => valueOf<unknown>(each)));
      return text.replace(/"([A-Za-z0-9+/]{40,}={0,2})"/g, (_, encoded: string) =>
        Buffer.from(encoded, 'base64').toString(),
      );
    };
    const shown = await read(who(tenant, 'reader'));
    expect(shown).not.toContain('hush');
    expect(shown.match(/psk=\[hidden\]/g)?.length).toBeGreaterThanOrEqual(7);
    for (const role of ['operator', 'admin'] as const) expect(await read(who(tenant, role))).toContain('psk="hush-1"');
    const changes = async (role: 'reader' | 'operator') =>
      valueOf(await layers.diff(who(tenant, role), 'default', {})).changes.map(({ path }) => path);
    expect(await changes('reader')).toEqual(await changes('operator'));
    expect(await cards.config({ ...key, role: 'reader' }, keyText, 'x')).toMatchObject({ code: 'auth.forbidden' });
    expect(await textOf(server, { ...key, role: 'device' }, 'x')).toContain(network('hush-2'));
    await put(server, admin, 'default', { usercode: 'YQ==' });
    expect(await textOf(server, { ...key, role: 'reader' }, 'x')).toContain('YQ==');
  });

  it('keep every version, tell differences, and go back as a new version', async () => {
    const { server, admin } = await open();
    const { layers } = server;
    await put(server, admin, 'default', { usercode: 'YQ==' }, { reason: 'begin' });
    server.clock.advance(1000);
    await put(server, admin, 'default', { usercode: 'Yg==', config: { a: 1 } });
    await put(server, admin, 'default', { usercode: 'Yg==', config: { a: 1 } });
    expect(valueOf(await layers.get(admin, 'default'))).toMatchObject({ version: 2, etag: '"2"' });
    expect(valueOf(await layers.diff(admin, 'default', {})).changes).toEqual([
      { change: '~', path: 'usercode', before: 'YQ==', after: 'Yg==' },
      { change: '+', path: 'config', after: { a: 1 } },
    ]);
    expect(valueOf(await layers.revert(admin, 'default', { to: 1, reason: '' }))).toMatchObject({
      ...{ version: 3, document: { usercode: 'YQ==' } },
    });
    valueOf(await layers.remove(admin, 'default', 'no more'));
    expect(await layers.get(admin, 'default')).toMatchObject({ code: 'boot-config.not-found' });
    const history = valueOf(await layers.versions(admin, 'default', { limit: 3 }));
    expect(history.items).toMatchObject([
      { version: 4, document: null, reason: 'no more', author: admin.key },
      { version: 3, reason: 'as in version 1' },
      { version: 2, at: '2026-01-02T03:04:06.000Z' },
    ]);
    const rest = valueOf(await layers.versions(admin, 'default', { limit: 3, cursor: history.next ?? '' }));
    expect(rest).toMatchObject({ items: [{ version: 1, reason: 'begin' }], next: null });
    expect(await layers.revert(admin, 'default', { to: 9, reason: '' })).toMatchObject({
      code: 'boot-config.not-found',
    });
    const events = await server.store.read((tx) => tx.events.list({ after: 0, limit: 100 }));
    expect(events.map(({ type, data }) => [type, data['version']])).toEqual([
      ...[1, 2, 3].map((version) => ['boot-config.changed', version]),
      ['boot-config.deleted', 4],
    ]);
  });

  it('refuse what boards would not understand of what they go by, by its name', async () => {
    const { server, admin } = await open();
    const refused = await put(server, admin, 'default', {
      config: { autoupdate: 'sometimes', update: { window: 'at night' }, persist: ['/var/lib/app'] },
    });
    expect(refused).toMatchObject({
      code: 'request.invalid',
      errors: [{ field: 'document.config.autoupdate' }, { field: 'document.config.update.window' }],
    });
    expect(await server.layers.get(admin, 'default')).toMatchObject({ code: 'boot-config.not-found' });
  });

  it('refuse a change of what was changed meanwhile', async () => {
    const { server, admin } = await open();
    valueOf(await put(server, admin, 'default', { usercode: 'YQ==' }, { version: 0 }));
    const refused = { code: 'precondition.failed' };
    expect(await put(server, admin, 'default', { usercode: 'Yg==' }, { version: 0 })).toMatchObject(refused);
    expect(await put(server, admin, 'default', { usercode: 'Yg==' }, { version: 7 })).toMatchObject(refused);
    const body = { document: { usercode: 'Yg==' }, reason: '' };
    expect(await server.layers.put(admin, 'default', body, '"7"')).toMatchObject(refused);
    const both = await Promise.all([1, 2].map((n) => put(server, admin, 'default', { config: { n } }, { version: 1 })));
    expect(both.filter(({ ok }) => ok)).toHaveLength(1);
  });

  it('are of their tenant, and for those who may', async () => {
    const { server, admin, device } = await open();
    const other = who(await makeTenant(server.store, 'others'));
    await put(server, admin, 'default', { usercode: 'YQ==' });
    const { id } = valueOf(await server.layers.get(admin, 'default'));
    for (const ref of ['default', id]) expect(await server.layers.get(other, ref)).toMatchObject({ ok: false });
    expect(await put(server, other, `device:${device.id}`, {})).toMatchObject({ code: 'device.not-found' });
    expect(await put(server, { ...admin, role: 'reader' }, 'default', {})).toMatchObject({ code: 'auth.forbidden' });
    expect(valueOf(await server.layers.list(other, { limit: 10 })).items).toEqual([]);
    expect(await put(server, admin, 'default', { image: 'nothing:1' })).toMatchObject({
      ...{ code: 'image.not-found', errors: [{ field: 'document.image' }] },
    });
  });

  it('of a device go with it', async () => {
    const { server, admin, device } = await open();
    await put(server, admin, `device:${device.id}`, { usercode: 'YQ==' });
    valueOf(await server.devices.remove(admin, device.id));
    expect(valueOf(await server.layers.list(admin, { limit: 10 })).items).toEqual([]);
  });

  it('of cards are those of their key alone, and come back as they were posted', async () => {
    const { server, admin, key, tenant } = await open();
    const second = await keyIn(server.store, tenant);
    const posted = { bootcode: '', usercode: 'YQ==', config: { z: null, a: { '': [] } } };
    await put(server, admin, 'default', { config: { all: true } });
    valueOf(await server.cards.post(key, 'card-1', posted));
    const text = await textOf(server, key, 'card-1');
    expect(JSON.parse(text)).toEqual({
      ...{ initfs: { url: '', md5sum: '' }, rootfs: { url: '', md5sum: '' } },
      ...posted,
    });
    expect(await textOf(server, key, 'card-1')).toBe(text);
    expect(JSON.parse(await textOf(server, second, 'card-1'))).toMatchObject({ config: { all: true } });
    valueOf(await server.cards.post(key, 'default', { config: { own: 1 } }));
    expect(JSON.parse(await textOf(server, key, 'card-2'))).toMatchObject({ config: { own: 1 } });
    expect(JSON.parse(await textOf(server, second, 'card-2'))).toMatchObject({ config: { all: true } });
    valueOf(await server.cards.remove(key, 'card-1'));
    expect(JSON.parse(await textOf(server, key, 'card-1'))).toMatchObject({ config: { own: 1 } });
    expect(await server.cards.post({ ...key, role: 'reader' }, 'x', {})).toMatchObject({ code: 'auth.forbidden' });
    expect(await server.cards.config(key, keyText, '../x')).toMatchObject({ code: 'request.invalid' });
  });

  it('reach the card that is a device: by its MAC, or as somebody said', async () => {
    const { server, admin, key, device } = await open();
    await put(server, admin, 'group:rack=a', { config: { rack: 'a' } });
    await put(server, admin, `device:${device.id}`, { config: { own: true } });
    const whole = { config: { rack: 'a', own: true } };
    expect(JSON.parse(await textOf(server, key, mac.toUpperCase().replaceAll(':', '-')))).toMatchObject(whole);
    expect(await server.cards.config(key, keyText, 'door')).toMatchObject({ code: 'boot-config.not-found' });
    const name = { key: key.key, card: 'door' };
    valueOf(await server.bindings.bind(admin, device.name, name));
    expect(JSON.parse(await textOf(server, key, 'door'))).toMatchObject(whole);
    valueOf(await server.bindings.unbind(admin, device.name, name));
    expect(await server.cards.config(key, keyText, 'door')).toMatchObject({ ok: false });
  });

  it('are known without a query until something changes, here or on another server', async () => {
    const { database, server, tenant, admin, key, device } = await open();
    const other = serve(await database.open(), tenant);
    const isKnown = (): boolean => server.cards.quick(key.key, mac) !== undefined;
    const learn = async (): Promise<void> => {
      await expect.poll(async () => (await textOf(server, key, mac)) !== '' && isKnown()).toBe(true);
    };
    await put(server, admin, 'default', { config: { n: 0 } });
    const changes: [Server, () => Promise<unknown>][] = [
      [server, () => put(server, admin, 'default', { config: { n: 1 } })],
      [other, () => put(other, admin, 'group:floor=2', { config: { n: 2 } })],
      [other, () => other.devices.update(admin, device.id, { labels: { floor: '2' } })],
      [server, () => server.keys.revoke(admin, key.key)],
    ];
    for (const [where, change] of changes) {
      await learn();
      valueOf((await change()) as Awaited<ReturnType<typeof put>>);
      // One's own change counts at once.
      if (where === server) expect(isKnown()).toBe(false);
      await expect.poll(isKnown).toBe(false);
    }
    server.clock.advance(31_000);
    expect(isKnown()).toBe(false);
  });

  it('stay known as long as their key is used and a way in', async () => {
    const { server, admin, key } = await open();
    const { endings, clock } = server;
    const isKnown = (): boolean => server.cards.quick(key.key, mac) !== undefined;
    await put(server, admin, 'default', { config: {} });
    await expect.poll(async () => (await textOf(server, key, mac)) !== '' && isKnown()).toBe(true);
    for (let looks = endings.asked; looks < 5; looks += 1) {
      clock.advance(20_000);
      expect(isKnown()).toBe(true);
      expect(isKnown()).toBe(true);
      await expect.poll(() => endings.asked).toBe(looks + 1);
    }
    endings.isValid = false;
    clock.advance(20_000);
    expect(isKnown()).toBe(true);
    clock.advance(11_000);
    expect(isKnown()).toBe(false);
  });
});

describe.each(adapters())('tracks of cards on $name', ({ create }) => {
  const open = async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'signs');
    return { server: serve(store, tenant), key: await keyIn(store, tenant), tenant };
  };

  it('hold what cards did and said, in order, for their key alone', async () => {
    const { server, key, tenant } = await open();
    const second = await keyIn(server.store, tenant);
    await server.cards.config(key, keyText, 'one');
    valueOf(server.cards.say(key, 'one', `two\nlines ${'x'.repeat(300)}`));
    const lines = valueOf(await server.cards.track(key, 'one'));
    expect(lines[0]).toBe('2026-01-02 03:04:05.000000 BOOT GET');
    expect(lines[1]).toMatch(/^2026-01-02 03:04:05\.000001 two lines x+$/);
    expect(lines.map((line) => line.length)).toEqual([35, 256]);
    expect(valueOf(await server.cards.seen(key))).toEqual(['one']);
    expect(valueOf(await server.cards.track(second, 'one'))).toEqual([]);
    expect(server.cards.say({ ...key, role: 'reader' }, 'one', 'x')).toMatchObject({ code: 'auth.forbidden' });
    valueOf(await server.cards.post(key, 'default', {}));
    expect(valueOf(await server.cards.seen(key))).toEqual(['one', 'default']);
    server.clock.advance(93 * 86_400_000);
    expect(valueOf(await server.cards.seen(key))).toEqual(['default']);
    expect(await server.tracks.prune()).toBe(1);
    expect(valueOf(await server.cards.track(key, 'one'))).toEqual([]);
  });

  it('are bounded, in lines of a card and in cards of a key', async () => {
    const { server, key } = await open();
    const limits = { lines: 10, cards: 3 };
    const chunk = (card: string, at: number, size: number) => ({
      ...{ key: key.key, card, at },
      lines: Array.from({ length: size }, (_, index) => `${at} ${index}`),
    });
    const append = (...chunks: ReturnType<typeof chunk>[]) =>
      server.store.transaction((tx) => tx.tracks.append(chunks, limits));
    for (let at = 1; at <= 9; at += 1) await append(chunk('a', at, 3));
    const lines = await server.store.read((tx) => tx.tracks.lines(key.key, 'a'));
    expect(lines.length).toBeLessThanOrEqual(12);
    expect(lines.at(-1)).toBe('9 2');
    await append(chunk('b', 20, 1), chunk('c', 21, 1), chunk('d', 22, 1));
    expect(await server.store.read((tx) => tx.tracks.cards(key.key, 0))).toEqual(['b', 'c', 'd']);
    expect(await server.store.read((tx) => tx.tracks.lines(key.key, 'a'))).toEqual([]);
  });
});
