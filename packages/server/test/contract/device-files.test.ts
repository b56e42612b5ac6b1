import { describe, expect, it } from 'vitest';
import { DeviceFilePut, type Principal, type Result } from '@drover/contract';
import { createFilesOfDevices, type MoreFiles } from '../../src/app/boot/device-files.js';
import { createBoardNews } from '../../src/app/disks/board-news.js';
import { createOrderDesk } from '../../src/app/disks/order-desk.js';
import { createDeviceFiles } from '../../src/app/devices/files.js';
import type { SessionRecord } from '../../src/app/boot/ports.js';
import type { DeviceRecord, Prepare } from '../../src/app/devices/ports.js';
import { createProvisioning } from '../../src/app/devices/provisioning.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { adapters } from './support/databases.js';
import { firstBoot } from './support/first-boot.js';
import { makeFleet, makeImage, makeTenant, who } from './support/fleet.js';
import { noPower } from './support/no-power.js';
import { createTestClock, createTestLog, iso, testIds } from './support/world.js';

const prepare: Prepare = { ensure: async () => ({ job: null, what: '', disk: null }), end: async () => undefined };
const valueOf = <T>(result: Result<T>): T =>
  result.ok ? result.value : expect.fail(`${result.code}: ${result.detail}`);
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);
const file = (path: string, content: string | Uint8Array, more: object = {}) =>
  DeviceFilePut.parse({ path, content: Buffer.from(content).toString('base64'), ...more });

describe.each(adapters())('files of devices on $name', ({ create }) => {
  const open = async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    await makeFleet(store, tenant, 2);
    const clock = createTestClock();
    const enqueue = createEnqueue({ clock, ids: testIds });
    const provisioning = createProvisioning({
      store,
      clock,
      prepare,
      enqueue,
      defaultTenant: tenant,
      firstBoot,
      ...noPower,
    });
    const operator: Principal = who(tenant, 'operator');
    const wanted = { image: 'debian:12', rootMode: 'ram' as const, kernelParameters: '', device: 'pi-0' };
    valueOf(await provisioning.provision(operator, wanted));
    const [{ id: device }] = await store.read(
      async (tx) => (await tx.devices.resolve('pi-0', tenant)) as [DeviceRecord],
    );
    /** A boot of it that proved itself, of its first assignment. */
    const session = async (change: Partial<SessionRecord>): Promise<string> => {
      const id = testIds.next('bs');
      const [bare, at] = [{ outcome: 'up', stage: 'up', firmware: 'ee', model: 'pi4', verdict: null } as const, iso(0)];
      await store.transaction((tx) =>
        tx.sessions.insert({
          ...{ ...bare, id, device, mac: null, bootPrefix: null, address: null, generation: 1, startedAt: at },
          ...{ upAt: null, endedAt: null, bytes: 0, nonceHash: 'x', exchangedAt: null, secretExpiresAt: 0, ...change },
        }),
      );
      return id;
    };
    const files = createDeviceFiles({ store, clock });
    return { store, tenant, operator, provisioning, files, device, session, wanted };
  };

  it('are kept with owner and mode, read back as they came, and replaced', async () => {
    const { files, operator, store } = await open();
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    const put = valueOf(
      await files.put(operator, 'pi-0', file('/etc/app/key', bytes, { mode: '600', uid: 33, gid: 44 })),
    );
    expect(put).toMatchObject({ path: '/etc/app/key', mode: '0600', uid: 33, gid: 44, size: 256 });
    expect(put.sha256).toBe('40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880');
    const got = valueOf(await files.get(operator, 'pi-0', '/etc/app/key'));
    expect(new Uint8Array(Buffer.from(got.content, 'base64'))).toEqual(bytes);
    valueOf(await files.put(operator, 'pi-0', file('/etc/app/key', 'new\n')));
    valueOf(await files.put(operator, 'pi-0', file('/etc/app/a', '')));
    expect(valueOf(await files.list(operator, 'pi-0')).items.map(({ path, size, mode }) => [path, size, mode])).toEqual(
      [
        ['/etc/app/a', 0, '0644'],
        ['/etc/app/key', 4, '0644'],
      ],
    );
    valueOf(await files.remove(operator, 'pi-0', '/etc/app/a'));
    expect(codeOf(await files.remove(operator, 'pi-0', '/etc/app/a'))).toBe('device-file.not-found');
    const events = await store.read((tx) => tx.events.list({ after: 0, limit: 100 }));
    const told = events.filter(({ type }) => type === 'device.file-changed').map(({ data }) => data);
    expect(told.map((data) => [data['file'], data['size']])).toEqual([
      ['/etc/app/key', 256],
      ['/etc/app/key', 4],
      ['/etc/app/a', 0],
      ['/etc/app/a', null],
    ]);
    expect(JSON.stringify(events)).not.toContain(Buffer.from('new\n').toString('base64'));
  });

  it('are for operators of the tenant, and only of devices that somebody has', async () => {
    const { files, operator, tenant, store } = await open();
    valueOf(await files.put(operator, 'pi-0', file('/etc/secret', 'x')));
    expect(codeOf(await files.get(who(tenant, 'reader'), 'pi-0', '/etc/secret'))).toBe('auth.forbidden');
    expect(codeOf(await files.get(who(await makeTenant(store, 'other')), 'pi-0', '/etc/secret'))).toBe(
      'device.not-found',
    );
    expect(codeOf(await files.put(operator, 'pi-1', file('/etc/secret', 'x')))).toBe('device.state');
  });

  it('have an end in number and size', async () => {
    const { files, operator } = await open();
    const half = Buffer.alloc(512 * 1024);
    for (const name of ['a', 'b', 'c', 'd']) valueOf(await files.put(operator, 'pi-0', file(`/srv/${name}`, half)));
    expect(codeOf(await files.put(operator, 'pi-0', file('/srv/e', 'x')))).toBe('quota.exceeded');
    valueOf(await files.put(operator, 'pi-0', file('/srv/d', 'x')));
    for (let index = 4; index < 64; index += 1) valueOf(await files.put(operator, 'pi-0', file(`/srv/${index}`, 'x')));
    expect(await files.put(operator, 'pi-0', file('/srv/last', 'x'))).toMatchObject({
      code: 'quota.exceeded',
      detail: expect.stringContaining('65 files') as string,
    });
    valueOf(await files.put(operator, 'pi-0', file('/srv/4', 'y')));
  });

  it('go with the release', async () => {
    const { files, operator, provisioning } = await open();
    valueOf(await files.put(operator, 'pi-0', file('/etc/secret', 'x')));
    valueOf(await provisioning.release(operator, 'pi-0'));
    expect(valueOf(await files.list(operator, 'pi-0')).items).toEqual([]);
  });

  it('are called by what is in them, and are for the boot of the assignment that the device has', async () => {
    const { files, operator, provisioning, store, device, session, wanted } = await open();
    const disks: MoreFiles = async () => [
      { path: 'piConfig/disks.json', mode: 0o600, uid: 0, gid: 0, bytes: Buffer.from('[]\n') },
    ];
    const { digest, ofSession } = createFilesOfDevices({ store, moreFiles: disks });
    const empty = await digest(device);
    valueOf(await files.put(operator, 'pi-0', file('/etc/token', 'x', { mode: '600', uid: 33 })));
    const one = await digest(device);
    expect(one).not.toBe(empty);
    const boot = await session({});
    const tar = (await ofSession(boot))!.toString('latin1');
    expect(tar).toContain('run/drover/files/manifest');
    expect(tar).toMatch(/[0-9a-f]{64} 0600 33 0 \/etc\/token\n[0-9a-f]{64} 0600 0 0 \/piConfig\/disks.json\n/);
    valueOf(await files.put(operator, 'pi-0', file('/piConfig/disks.json', 'mine')));
    expect((await ofSession(boot))!.toString('latin1').match(/\/piConfig\/disks.json\n/g)).toHaveLength(1);
    valueOf(await files.remove(operator, 'pi-0', '/piConfig/disks.json'));
    expect(await digest(device)).toBe(one);
    for (const change of [{ outcome: 'revoked' as const }, { nonceHash: null }, { generation: 7 }])
      expect(await ofSession(await session(change))).toBeNull();
    expect(await ofSession(testIds.next('bs'))).toBeNull();
    valueOf(await provisioning.release(operator, 'pi-0'));
    expect(await ofSession(boot)).toBeNull();
    valueOf(await provisioning.provision(operator, wanted));
    expect(await ofSession(boot)).toBeNull();
  });

  it('that change are told to the boot plane, once for many, also while it is away', async () => {
    const { files, operator, store, device } = await open();
    const orders = createOrderDesk();
    const news = createBoardNews({ store, orders, log: createTestLog(), events: store.events });
    await news.start(new AbortController().signal);
    const none = new AbortController().signal;
    const order = { id: `refresh_${device}`, work: { kind: 'refresh', device } };
    const done = [{ order: order.id, state: 'done' as const, result: { facts: null } }];
    for (const name of ['a', 'b', 'c']) valueOf(await files.put(operator, 'pi-0', file(`/etc/${name}`, 'x')));
    expect(await orders.exchange([], [], none)).toEqual([order]);
    await expect.poll(() => store.events.isCurrent()).toBe(true);
    // What came after the first order was taken may be newer than the answer to it.
    await orders.exchange([], done, AbortSignal.timeout(50));
    await expect.poll(() => orders.exchange([], [], AbortSignal.timeout(50))).toEqual([order]);
    await orders.exchange([order.id], done, AbortSignal.timeout(50));
    expect(await orders.exchange([], [], AbortSignal.timeout(200))).toEqual([]);
    valueOf(await files.remove(operator, 'pi-0', '/etc/a'));
    expect(await orders.exchange([], [], none)).toEqual([order]);
    await orders.exchange([order.id], done, AbortSignal.timeout(50));
    // A file of Bakery's tells of disks.
    const told = { at: iso(0), tenant: null, subject: testIds.next('dsk'), data: { device } };
    await store.transaction((tx) => tx.events.append({ ...told, type: 'disk.detached' }));
    expect(await orders.exchange([], [], none)).toEqual([order]);
    await news.stop();
    expect(await orders.exchange([order.id], [], AbortSignal.timeout(200))).toEqual([]);
  });
});
