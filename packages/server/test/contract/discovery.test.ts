import { doctorMacPrefix } from '@drover/contract';
import { describe, expect, it } from 'vitest';
import type { WireIdentity } from '../../src/app/boot/ports.js';
import { createDiscovery, type DiscoverySettings, type Seen } from '../../src/app/devices/discovery.js';
import { createRegistration } from '../../src/app/devices/register.js';
import type { DeviceRecord } from '../../src/app/devices/ports.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { makeTenant, who } from './support/fleet.js';
import { aDevice, aSession } from './support/records.js';
import { createTestClock, createTestLog, testIds } from './support/world.js';

const settings: DiscoverySettings = { autoAdopt: null, discoveredLimit: 1000 };
const mac = 'dc:a6:32:01:36:c2';
const prefix = '0a1b2c3d';
const wire = (change: Partial<WireIdentity> = {}): WireIdentity => ({
  site: 'default',
  firmware: 'ee',
  isPi: true,
  ...change,
});

const setUp = (store: Store) => {
  const clock = createTestClock();
  const deps = { store, clock, ids: testIds, log: createTestLog() };
  return { clock, ...createDiscovery(deps) };
};

const deviceOf = (seen: Seen): DeviceRecord => {
  if (seen.kind !== 'device') throw new Error(`it is a ${seen.kind}`);
  return seen.device;
};
const events = async (store: Store): Promise<string[]> =>
  (await store.read((tx) => tx.events.list({ after: 0, limit: 1000 }))).map((event) => event.type);
const allDevices = (store: Store): Promise<DeviceRecord[]> =>
  store.read(async (tx) => (await tx.devices.list({}, { limit: 500 })).items);

describe.each(adapters())('boards on the wire, on $name', ({ create }) => {
  it('are discovered once, under a name of their own', async () => {
    const store = await (await create()).open();
    const { registerSeen } = setUp(store);
    const shown = wire({ mac, bootPrefix: prefix, model: 'pi4', modelName: 'Raspberry Pi 4', address: '10.0.0.5' });
    const first = deviceOf(await registerSeen(shown, settings));
    expect(first).toMatchObject({ name: 'pi-0a1b2c3d', state: 'discovered', tenant: null, model: 'pi4' });
    expect(deviceOf(await registerSeen(shown, settings)).id).toBe(first.id);
    const stored = await allDevices(store);
    expect(stored).toHaveLength(1);
    expect(stored[0]).toMatchObject({ mac, bootPrefix: prefix, lastAddress: '10.0.0.5', firmware: 'ee' });
    expect(stored[0]?.identities).toEqual([
      { kind: 'boot-prefix', value: prefix },
      { kind: 'mac', value: mac },
    ]);
    expect(await events(store)).toEqual(['device.discovered']);
  });

  it('are discovered once also when they ask many times at once of two servers', async () => {
    const database = await create();
    const servers = [setUp(await database.open()), setUp(await database.open())];
    const shown = wire({ mac, bootPrefix: prefix });
    const seen = await Promise.all(
      Array.from({ length: 30 }, (_, i) => (servers[i % 2] ?? servers[0]!).registerSeen(shown, settings)),
    );
    expect(new Set(seen.map((one) => deviceOf(one).id)).size).toBe(1);
  });

  it('are not kept when the network doctor plays them, unless they were registered', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    const { registerSeen, clock } = setUp(store);
    const played = wire({ mac: `${doctorMacPrefix}00:00:01`, bootPrefix: prefix });
    expect(await registerSeen(played, { ...settings, autoAdopt: tenant })).toEqual({ kind: 'stranger' });
    expect(await allDevices(store)).toEqual([]);
    const { create: register } = createRegistration({ store, clock, ids: testIds, defaultTenant: tenant });
    await register(who(tenant), { mac: played.mac!, bootPrefix: prefix, model: 'pi4', site: 'default', labels: {} });
    expect(deviceOf(await registerSeen(played, settings))).toMatchObject({ model: 'pi4' });
  });

  it('are ignored when they are no Pi, unless they were registered', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    const { registerSeen, clock } = setUp(store);
    const machine = wire({ mac: '52:54:00:12:34:56', firmware: 'edk2', isPi: false });
    expect(await registerSeen(machine, settings)).toEqual({ kind: 'stranger' });
    const { create: register } = createRegistration({ store, clock, ids: testIds, defaultTenant: tenant });
    const made = await register(who(tenant), { mac: '52:54:00:12:34:56', model: 'virt', site: 'default', labels: {} });
    expect(made).toMatchObject({ ok: true, value: { name: 'pi-123456', state: 'available' } });
    expect(deviceOf(await registerSeen(machine, settings))).toMatchObject({ model: 'virt', firmware: 'edk2' });
  });

  it('are one board when DHCP showed the MAC and TFTP the prefix', async () => {
    const store = await (await create()).open();
    const { registerSeen } = setUp(store);
    const byMac = deviceOf(await registerSeen(wire({ mac }), settings));
    const byPrefix = deviceOf(await registerSeen(wire({ bootPrefix: prefix }), settings));
    expect(byMac.id).not.toBe(byPrefix.id);
    await store.transaction((tx) => tx.sessions.insert(aSession(byPrefix.id)));
    const both = deviceOf(await registerSeen(wire({ mac, bootPrefix: prefix }), settings));
    expect(both).toMatchObject({ id: byMac.id, mac, bootPrefix: prefix });
    expect(await allDevices(store)).toHaveLength(1);
    expect((await store.read((tx) => tx.sessions.latestOf(byMac.id)))?.device).toBe(byMac.id);
    expect(deviceOf(await registerSeen(wire({ bootPrefix: prefix }), settings)).id).toBe(byMac.id);
  });

  it('up to the Pi 3 are one board by the digits that MAC and prefix share', async () => {
    const store = await (await create()).open();
    const { registerSeen } = setUp(store);
    const old = wire({ firmware: 'rom', mac: 'b8:27:eb:1b:2c:3d' });
    const first = deviceOf(await registerSeen(old, settings));
    const second = deviceOf(await registerSeen(wire({ firmware: 'bc', bootPrefix: prefix, model: 'pi3' }), settings));
    expect(second).toMatchObject({ id: first.id, bootPrefix: prefix, model: 'pi3' });
  });

  it('are in conflict when one prefix comes with two MACs: told once a minute, never merged', async () => {
    const store = await (await create()).open();
    const { registerSeen, recentConflicts, clock } = setUp(store);
    const known = deviceOf(await registerSeen(wire({ mac, bootPrefix: prefix }), settings));
    const clone = wire({ mac: 'dc:a6:32:ff:ff:ff', bootPrefix: prefix });
    for (let i = 0; i < 3; i += 1) {
      const seen = await registerSeen(clone, settings);
      expect(seen).toMatchObject({ kind: 'conflict', devices: [{ id: known.id }] });
    }
    clock.advance(61_000);
    await registerSeen(clone, settings);
    expect((await events(store)).filter((type) => type === 'device.conflict')).toHaveLength(2);
    expect(await allDevices(store)).toHaveLength(1);
    expect(recentConflicts().map(({ at }) => at)).toEqual([clock.now()]);
    expect(recentConflicts()[0]?.reason).toContain(prefix);
    clock.advance(10 * 60_000);
    expect(recentConflicts()).toEqual([]);
  });

  it('are adopted at once where the settings say so', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    const { registerSeen } = setUp(store);
    const before = deviceOf(await registerSeen(wire({ mac }), settings));
    const auto = { ...settings, autoAdopt: tenant };
    expect(deviceOf(await registerSeen(wire({ mac }), auto))).toMatchObject({
      id: before.id,
      state: 'available',
      tenant,
    });
    const fresh = deviceOf(await registerSeen(wire({ bootPrefix: 'ffff0001' }), auto));
    expect(fresh).toMatchObject({ state: 'available', tenant, name: 'pi-ffff0001' });
  });

  it('push out the oldest of those nobody adopted, when there are too many', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    const { registerSeen, clock } = setUp(store);
    const few = { ...settings, discoveredLimit: 3 };
    await store.transaction((tx) => tx.devices.insert(aDevice({ tenant, state: 'available', name: 'mine' })));
    for (let i = 0; i < 6; i += 1) {
      clock.advance(20_000);
      await registerSeen(wire({ bootPrefix: `0000000${i}` }), few);
      // The first one keeps showing itself, so it is not the oldest.
      await registerSeen(wire({ bootPrefix: '00000000' }), few);
    }
    const names = (await allDevices(store)).map((device) => device.name).sort();
    expect(names).toEqual(['mine', 'pi-00000000', 'pi-00000004', 'pi-00000005']);
    expect((await events(store)).filter((type) => type === 'device.deleted')).toHaveLength(3);
  });

  it('are noted as seen now and then, and at a new address', async () => {
    const store = await (await create()).open();
    const { registerSeen, clock } = setUp(store);
    const seenAt = async (): Promise<string | null | undefined> => (await allDevices(store))[0]?.lastSeenAt;
    await registerSeen(wire({ mac, address: '10.0.0.5' }), settings);
    const first = await seenAt();
    clock.advance(5000);
    await registerSeen(wire({ mac, address: '10.0.0.5' }), settings);
    expect(await seenAt()).toBe(first);
    await registerSeen(wire({ mac, address: '10.0.0.6' }), settings);
    expect(await seenAt()).not.toBe(first);
    expect((await allDevices(store))[0]).toMatchObject({ lastAddress: '10.0.0.6', revision: 1 });
  });

  it('tell their serial, which nobody else may have', async () => {
    const store = await (await create()).open();
    const { registerSeen, learnSerial, learnMemory } = setUp(store);
    const first = deviceOf(await registerSeen(wire({ mac, bootPrefix: prefix }), settings));
    const second = deviceOf(await registerSeen(wire({ mac: 'dc:a6:32:00:00:02' }), settings));
    const serial = `10000000${prefix}`;
    expect(await learnSerial(first.id, serial)).toBe(true);
    expect(await learnSerial(first.id, serial)).toBe(true);
    expect(await learnSerial(first.id, '1000000000000000')).toBe(false);
    expect(await learnSerial(second.id, serial)).toBe(false);
    expect(await learnSerial(second.id, `20000000${prefix}`)).toBe(false);
    expect(await learnSerial('dev_gone', serial)).toBe(false);
    await learnMemory(first.id, 3_885_396);
    await learnMemory(first.id, 3_885_000);
    await learnMemory('dev_gone', 1);
    const known = await store.read((tx) => tx.devices.get(first.id));
    expect(known).toMatchObject({ memoryMiB: 4096, serial });
    expect(await store.read((tx) => tx.devices.resolve(serial, undefined))).toMatchObject([{ id: first.id, serial }]);
    expect((await events(store)).filter((type) => type === 'device.conflict')).toHaveLength(3);
  });
});
