import { describe, expect, it } from 'vitest';
import type { Device, Provision, Result } from '@drover/contract';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import type { Prepare } from '../../src/app/devices/ports.js';
import { createProvisioning } from '../../src/app/devices/provisioning.js';
import { createWaiting } from '../../src/app/devices/waiting.js';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { firstBoot } from './support/first-boot.js';
import { makeFleet, makeImage, makeTenant, who } from './support/fleet.js';
import { createTestClock, testIds } from './support/world.js';
import { noPower } from './support/no-power.js';

const nothingToEnd = async (): Promise<void> => undefined;
const ready: Prepare = { ensure: async () => ({ job: null, what: '', disk: null }), end: nothingToEnd };
const clock = createTestClock();
const enqueue = createEnqueue({ clock, ids: testIds });

/** Starts the packing of a root, once for an image. */
const packing: Prepare = {
  ensure: async (tx, _device, image) => {
    const running = await tx.jobs.unfinished('image.root', image.id);
    const job = { kind: 'image.root', tenant: image.tenant, subject: image.id, input: {} } as const;
    return { job: running?.id ?? (await enqueue(tx, job)), what: 'the root of debian:12', disk: null };
  },
  end: nothingToEnd,
};

const service = (store: Store, tenant: string, prepare = ready) =>
  createProvisioning({ store, clock, prepare, enqueue, firstBoot, defaultTenant: tenant, ...noPower });

const wish = (change: Partial<Provision>): Provision => ({
  image: 'debian:12',
  rootMode: 'ram',
  kernelParameters: '',
  ...change,
});

const valueOf = (result: Result<Device>): Device => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
};
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);
const remedyOf = (result: Result<unknown>): string => (result.ok ? '' : (result.remedy ?? ''));

const eventsOf = async (store: Store): Promise<string[]> =>
  (await store.read((tx) => tx.events.list({ after: 0, limit: 1000 }))).map((event) => event.type);

describe.each(adapters())('provisioning on $name', ({ create }) => {
  it('gives each of 100 boards to one of 200 callers of two servers', async () => {
    const database = await create();
    const servers = await Promise.all([database.open(), database.open()]);
    const tenant = await makeTenant(servers[0], 'default');
    await makeImage(servers[0]);
    await makeFleet(servers[0], tenant, 100);
    const callers = servers.map((store) => service(store, tenant));
    const results = await Promise.all(
      Array.from({ length: 200 }, (_, i) =>
        (callers[i % 2] ?? callers[0]!).provision(who(tenant, 'operator'), wish({ any: true })),
      ),
    );
    const given = results.filter((result) => result.ok).map((result) => valueOf(result).id);
    expect(given).toHaveLength(100);
    expect(new Set(given).size).toBe(100);
    expect(new Set(results.filter((result) => !result.ok).map(codeOf))).toEqual(new Set(['device.none-available']));
    const events = await eventsOf(servers[0]);
    expect(events.filter((type) => type === 'device.provisioned')).toHaveLength(100);
    expect(events.filter((type) => type === 'device.ready')).toHaveLength(100);
  });

  it('gives a named board to one of 20 callers', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    await makeFleet(store, tenant, 2);
    const results = await Promise.all(
      Array.from({ length: 20 }, () =>
        service(store, tenant).provision(who(tenant, 'operator'), wish({ device: 'pi-0' })),
      ),
    );
    expect(results.filter((result) => result.ok)).toHaveLength(1);
    expect(new Set(results.filter((result) => !result.ok).map(codeOf))).toEqual(new Set(['device.state']));
  });

  it('picks by labels and by what the image fits', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    await makeFleet(store, tenant, 4, (i) => ({
      labels: { rack: i < 2 ? 'a' : 'b', slot: String(i) },
      model: i === 0 ? 'pi1' : 'pi4',
    }));
    const { provision } = service(store, tenant);
    const first = valueOf(await provision(who(tenant), wish({ selector: 'rack=a' })));
    expect(first).toMatchObject({ name: 'pi-1', state: 'in-use', stateReason: null });
    expect(first.assignment).toMatchObject({ imageName: 'debian:12', generation: 1, rootMode: 'ram' });
    const second = await provision(who(tenant), wish({ selector: 'rack=a' }));
    expect(second).toMatchObject({ ok: false, code: 'device.none-available', conflicts: ['pi-0'] });
    expect(second.ok ? '' : second.detail).toContain('ARMv6');
    expect(valueOf(await provision(who(tenant), wish({ selector: 'rack=b,slot=3' }))).name).toBe('pi-3');
    expect(codeOf(await provision(who(tenant), wish({ selector: 'rack=c' })))).toBe('device.none-available');
    expect(codeOf(await provision(who(tenant), wish({ selector: 'rack' })))).toBe('request.invalid');
    const unfit = await provision(who(tenant), wish({ device: 'pi-0' }));
    expect(codeOf(unfit)).toBe('image.unfit');
  });

  it('refuses images that cannot be run, saying why', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    await makeImage(store, { version: 'new', state: 'importing', facts: null, digest: null });
    await makeFleet(store, tenant, 1);
    const { provision } = service(store, tenant);
    expect(codeOf(await provision(who(tenant), wish({ image: 'debian:new', any: true })))).toBe('image.not-ready');
    expect(codeOf(await provision(who(tenant), wish({ image: 'nixos', any: true })))).toBe('image.not-found');
    expect(codeOf(await provision(who(tenant), wish({ rootMode: 'nfs', any: true })))).toBe('image.unfit');
    expect(codeOf(await provision(who(tenant, 'reader'), wish({ any: true })))).toBe('auth.forbidden');
    expect((await store.read((tx) => tx.devices.countByState())).available).toBe(1);
  });

  it('waits for what the boot needs, once for all boards of an image', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    const image = await makeImage(store);
    await makeFleet(store, tenant, 3);
    const { provision } = service(store, tenant, packing);
    const waiting = [
      valueOf(await provision(who(tenant), wish({ any: true }))),
      valueOf(await provision(who(tenant), wish({ any: true }))),
    ];
    expect(waiting.map((device) => device.state)).toEqual(['preparing', 'preparing']);
    expect(waiting[0]?.stateReason).toContain('the root of debian:12 is being made (job_');
    expect((await store.read((tx) => tx.jobs.list({}, { limit: 10 }))).items).toHaveLength(1);
    const { markReady } = createWaiting({ clock, ...noPower });
    await store.transaction((tx) => markReady(tx, image.id, ['ram']));
    expect(await store.read((tx) => tx.devices.countByState())).toMatchObject({ 'in-use': 2, available: 1 });
    expect((await eventsOf(store)).filter((type) => type === 'device.ready')).toHaveLength(2);
  });

  it('tells boards that wait in vain', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    const image = await makeImage(store);
    const [device] = await makeFleet(store, tenant, 1);
    await service(store, tenant, packing).provision(who(tenant), wish({ any: true }));
    await store.transaction((tx) =>
      createWaiting({ clock, ...noPower }).markFailed(tx, image.id, 'the disk is full', ['ram']),
    );
    expect(await store.read((tx) => tx.devices.get(device!.id))).toMatchObject({
      state: 'failed',
      stateReason: 'the disk is full',
    });
    expect(await eventsOf(store)).toContain('device.failed');
  });

  it('changes the image of a board in use, and never uses a generation twice', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    await makeImage(store, { version: '13' });
    await makeFleet(store, tenant, 1);
    const { provision, reimage, release } = service(store, tenant);
    const first = valueOf(await provision(who(tenant), wish({ device: 'pi-0' })));
    const second = valueOf(
      await reimage(
        who(tenant),
        'pi-0',
        { image: 'debian:13', rootMode: 'ram', kernelParameters: 'quiet' },
        first.etag,
      ),
    );
    expect(second.assignment).toMatchObject({ imageName: 'debian:13', generation: 2, kernelParameters: 'quiet' });
    expect(codeOf(await release(who(tenant), 'pi-0', {}, first.etag))).toBe('precondition.failed');
    const freed = valueOf(await release(who(tenant), 'pi-0', {}, second.etag));
    expect(freed).toMatchObject({ state: 'available', assignment: null });
    expect(remedyOf(await release(who(tenant), 'pi-0'))).toContain('free already');
    const third = valueOf(await provision(who(tenant), wish({ any: true })));
    expect(third.assignment?.generation).toBe(3);
  });

  it('keeps what makes a board itself over a release', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    const [device] = await makeFleet(store, tenant, 1);
    const secrets = { machineId: testIds.randomHex(16), sshHostKeys: { ssh_host_ed25519_key: 'private\n' } };
    await store.transaction((tx) => tx.devices.saveSecrets(device!.id, secrets));
    const { provision, release } = service(store, tenant);
    await provision(who(tenant), wish({ any: true }));
    await release(who(tenant), device!.id);
    expect(await store.read((tx) => tx.devices.secrets(device!.id))).toEqual(secrets);
  });

  it('keeps tenants apart', async () => {
    const store = await (await create()).open();
    const [mine, theirs] = [await makeTenant(store, 'mine'), await makeTenant(store, 'theirs')];
    await makeImage(store);
    await makeImage(store, { tenant: theirs, name: 'secret' });
    await makeFleet(store, theirs, 1);
    const { provision, release } = service(store, mine);
    expect(codeOf(await provision(who(mine), wish({ any: true })))).toBe('device.none-available');
    expect(codeOf(await provision(who(mine), wish({ device: 'pi-0' })))).toBe('device.not-found');
    expect(codeOf(await provision(who(mine), wish({ image: 'secret:12', any: true })))).toBe('image.not-found');
    expect(codeOf(await release(who(mine), 'pi-0'))).toBe('device.not-found');
    await makeFleet(store, mine, 1, () => ({ name: 'mine-0' }));
    // A key of the installation may do both, but does not put one tenant's image on another's board.
    const mixed = await provision(who(null), wish({ image: 'secret:12', device: 'mine-0' }));
    expect(codeOf(mixed)).toBe('image.unfit');
    expect(valueOf(await provision(who(null), wish({ image: 'secret:12', any: true }))).name).toBe('pi-0');
    expect(valueOf(await provision(who(null), wish({ any: true }))).name).toBe('mine-0');
  });

  it('does more in the same transaction, or nothing', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    await makeFleet(store, tenant, 1);
    const { provision } = service(store, tenant);
    const failing = provision(who(tenant), wish({ any: true }), async () => {
      await Promise.resolve();
      throw new Error('the answer could not be kept');
    });
    await expect(failing).rejects.toThrow('could not be kept');
    expect((await store.read((tx) => tx.devices.countByState())).available).toBe(1);
    await provision(who(tenant), wish({ any: true }), async (tx, device) => {
      await tx.settings.putIfAbsent('answer', device.name);
    });
    expect(await store.read((tx) => tx.settings.get('answer'))).toBe('pi-0');
  });
});
