import { randomUUID } from 'node:crypto';
import type { Device } from '@drover/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createDirector, runCpi, type Director } from './director.js';
import { openRack, type Rack } from './rack.js';

// A director's whole dealing with two VMs, through the executable, against a built server with boards that a power program switches.

let rack: Rack;
let director: Director;
beforeAll(async () => {
  rack = await openRack(4);
  director = createDirector({
    ...{ url: rack.server.url, key: rack.server.key },
    context: {
      agent: {
        mbus: 'nats://10.0.0.6:4222',
        ntp: ['10.0.0.1'],
        blobstore: { provider: 'dav', options: { endpoint: 'http://10.0.0.6:25250' } },
      },
      unknown_to_all: [1],
    },
  });
}, 1_800_000);
afterAll(async () => {
  await rack?.stop();
});

const manual = {
  type: 'manual',
  ip: '10.0.0.40',
  netmask: '255.255.255.0',
  gateway: '10.0.0.1',
  dns: ['10.0.0.2'],
  default: ['dns', 'gateway'],
  cloud_properties: {},
};
const env = {
  bosh: {
    mbus: { cert: { ca: 'ca', certificate: 'crt', private_key: 'SECRET OF NATS' }, urls: ['nats://10.0.0.7:4222'] },
    group: 'zookeeper',
    groups: ['zookeeper'],
  },
};
const deviceOf = (ref: string): Promise<Device> => rack.server.client.devices.get({ params: { ref } });
const prefixOf = async (vm: string): Promise<string> => (await deviceOf(vm)).bootPrefix ?? '';

describe('what needs no server', () => {
  it('is answered to anybody', async () => {
    expect(JSON.parse((await runCpi({ method: 'info', arguments: [] })).stdout)).toMatchObject({
      result: { api_version: 2 },
      error: null,
    });
    expect(await director.get('ping', [])).toBe('pong');
  });
  it('is refused in the words of the contract', async () => {
    for (const broken of [
      '',
      '{',
      '[]',
      '{"arguments":[]}',
      '{"method":"info"}',
      '{"method":"info","arguments":{}}',
      '{"method":"info","arguments":[],"context":3}',
    ]) {
      const { error, result } = JSON.parse((await runCpi(broken)).stdout) as { error: { type: string }; result: null };
      expect([broken, error.type, result]).toEqual([broken, 'Bosh::Clouds::CpiError', null]);
    }
    expect((await director.fail('make_coffee', [])).type).toBe('NotImplemented');
    expect((await director.fail('toString', [])).type).toBe('NotImplemented');
    for (const method of ['create_network', 'delete_network'])
      expect((await director.fail(method, [{}])).type).toBe('NotImplemented');
    for (const method of ['configure_networks', 'current_vm_id'])
      expect((await director.fail(method, [])).type).toBe('NotSupported');
    const { stdout } = await runCpi({ method: 'has_vm', arguments: ['x'], context: {} });
    expect(JSON.parse(stdout)).toMatchObject({
      error: { type: 'Bosh::Clouds::CpiError', message: expect.stringContaining('drover.url') as string },
    });
  });
});

describe('two VMs', () => {
  const agents = [randomUUID(), randomUUID()];
  const vms: string[] = [];
  const disks: string[] = [];
  let stemcell: string;
  let light: string;

  it('have a stemcell, imported once', async () => {
    const properties = { name: 'bosh-drover-raspios', version: '1.42', infrastructure: 'drover', os_type: 'linux' };
    stemcell = await director.get('create_stemcell', [rack.card, properties]);
    expect(await director.get('create_stemcell', [rack.card, properties, { tags: {} }])).toBe(stemcell);
    light = await director.get('create_stemcell', ['/nowhere', { image: rack.image }]);
    expect(light).not.toBe(stemcell);
    expect((await director.fail('create_stemcell', ['/nowhere', {}])).type).toBe('CloudError');
    expect((await director.fail('create_stemcell', ['/nowhere', { image: 'none:1' }])).message).toContain('none:1');
  });

  it('are made of what was asked for, and switched on', async () => {
    const properties = await director.get<object>('calculate_vm_cloud_properties', [
      { cpu: 2, ram: 1024, ephemeral_disk_size: 64 },
    ]);
    expect(properties).toEqual({ memory: 1024, ephemeral_disk: 64 });
    const args = [
      agents[0],
      stemcell,
      { ...properties, labels: { rack: 'b' }, instance_type: 'm1.small' },
      { default: manual },
      [],
      env,
    ];
    const [vm, networks] = await director.get<[string, object]>('create_vm', args);
    expect(networks).toEqual({ default: manual });
    expect(await director.get('create_vm', args)).toEqual([vm, { default: manual }]);
    vms.push(vm);
    const device = await deviceOf(vm);
    expect(device).toMatchObject({
      state: 'in-use',
      assignment: { rootMode: 'nbd', leaseUntil: null },
      labels: { rack: 'b', 'bosh/agent-id': agents[0] },
    });
    expect(await rack.power(device.bootPrefix ?? '')).toBe('on');
    expect(await rack.settings(vm)).toMatchObject({
      ...{
        agent_id: agents[0],
        vm: { name: device.name, id: vm },
        env,
        mbus: 'nats://10.0.0.6:4222',
        ntp: ['10.0.0.1'],
      },
      networks: { default: { ...manual, preconfigured: true, use_dhcp: false } },
      disks: {
        persistent: {},
        ephemeral: { path: `/dev/bosh/bosh-ephemeral-${vm.slice(4).toLowerCase()}` },
      },
    });
    const { items } = await rack.server.client.deviceFiles.list({ params: { ref: vm } });
    expect(items.map(({ mode, uid }) => [mode, uid])).toEqual([['0600', 0]]);

    const second = await director.get<string>(
      'create_vm',
      [
        agents[1],
        light,
        { labels: { rack: 'b' } },
        { default: { ...manual, ip: '10.0.0.41' }, public: { type: 'vip', ip: '203.0.113.4' } },
        null,
        null,
      ],
      { apiVersion: null },
    );
    expect(second).not.toBe(vm);
    vms.push(second);
    expect(
      await director.fail('create_vm', [randomUUID(), light, { labels: { rack: 'b' } }, { default: manual }, [], {}]),
    ).toMatchObject({ type: 'VMCreationFailed' });
  });

  it('are told from other boards, and described', async () => {
    const other = [...rack.boards.values()].find((id) => !vms.includes(id));
    for (const vm of vms) expect(await director.get('has_vm', [vm])).toBe(true);
    for (const none of [other, 'dev_00000000000000000000000000', '123'])
      expect(await director.get('has_vm', [none])).toBe(false);
    const metadata = {
      director: 'my-bosh',
      deployment: 'zoo keeper',
      job: 'zookeeper',
      index: 0,
      created_at: '2026-11-30T11:00:00Z',
    };
    await director.get('set_vm_metadata', [vms[0], metadata]);
    expect((await deviceOf(vms[0] ?? '')).labels).toEqual({
      ...{
        rack: 'b',
        'bosh/agent-id': agents[0],
        'bosh/director-uuid': expect.any(String) as string,
        'bosh/director': 'my-bosh',
      },
      ...{
        'bosh/deployment': 'zoo-keeper',
        'bosh/job': 'zookeeper',
        'bosh/index': '0',
        'bosh/created_at': '2026-11-30T11-00-00Z',
      },
    });
    expect((await director.fail('set_vm_metadata', [other, metadata])).type).toBe('VMNotFound');
  });

  it('have disks of their own', async () => {
    const create = (): Promise<string> => director.get('create_disk', [64, {}, vms[0]], { requestId: 'cpi-123456' });
    const disk = await create();
    expect(await create()).toBe(disk);
    disks.push(disk, await director.get('create_disk', [65, {}, null]));
    expect(await director.get('has_disk', [disk])).toBe(true);
    expect(await director.get('has_disk', ['dsk_00000000000000000000000000'])).toBe(false);
    const hint = await director.get<{ path: string }>('attach_disk', [vms[0], disk]);
    expect(hint.path).toMatch(/^\/dev\/bosh\/disk-[0-9a-z]+$/);
    expect(await director.get('attach_disk', [vms[0], disk])).toEqual(hint);
    expect(await director.get('attach_disk', [vms[1], disks[1]], { apiVersion: 1 })).toBeNull();
    expect(await director.get('get_disks', [vms[0]])).toEqual([disk]);
    expect(await director.get('get_disks', [vms[1]])).toEqual([disks[1]]);
    expect((await rack.settings(vms[0] ?? ''))?.disks['persistent']).toEqual({ [disk]: { id: disk, ...hint } });
    expect((await director.fail('set_disk_metadata', [disk, { deployment: 'zoo' }])).type).toBe('NotImplemented');

    expect(await director.fail('detach_disk', [vms[1], disk])).toMatchObject({ type: 'DiskNotAttached', retry: false });
    expect((await director.fail('attach_disk', [vms[1], disk])).type).toBe('CloudError');
    expect((await director.fail('attach_disk', [vms[0], 'dsk_none'])).type).toBe('DiskNotFound');
    expect((await director.fail('attach_disk', ['123', disk])).type).toBe('VMNotFound');
    for (let twice = 0; twice < 2; twice += 1) await director.get('detach_disk', [vms[0], disk]);
    expect((await rack.settings(vms[0] ?? ''))?.disks['persistent']).toEqual({});
    expect(await director.get('get_disks', [vms[0]])).toEqual([]);
  });

  it('have disks that are kept as they were, and become larger', async () => {
    const [disk = ''] = disks;
    const take = (): Promise<string> =>
      director.get('snapshot_disk', [disk, { deployment: 'zoo' }], { requestId: 'cpi-222222' });
    const snapshot = await take();
    expect(await take()).toBe(snapshot);
    expect((await director.fail('delete_disk', [disk])).message).toContain('snapshot');
    for (let twice = 0; twice < 2; twice += 1) await director.get('delete_snapshot', [snapshot]);
    expect((await director.fail('delete_snapshot', ['what'])).type).toBe('CloudError');
    expect((await director.fail('snapshot_disk', ['dsk_none', {}])).type).toBe('DiskNotFound');
    for (let twice = 0; twice < 2; twice += 1) await director.get('resize_disk', [disk, 128]);
    expect(await director.get('update_disk', [disk, 160, {}])).toBe(disk);
    expect((await rack.server.client.disks.get({ params: { ref: disk } })).size).toBe(160 * 2 ** 20);
    expect((await director.fail('resize_disk', [disk, 32])).type).toBe('NotSupported');
    expect((await director.fail('resize_disk', ['dsk_none', 32])).type).toBe('DiskNotFound');
    await director.get('attach_disk', [vms[0], disk]);
  });

  it('are restarted', async () => {
    await director.get('reboot_vm', [vms[0]]);
    expect(await rack.power(await prefixOf(vms[0] ?? ''))).toBe('on');
    expect((await director.fail('reboot_vm', ['123'])).type).toBe('VMNotFound');
    const prefix = await prefixOf(vms[0] ?? '');
    await rack.stick(prefix, true);
    expect((await director.fail('reboot_vm', [vms[0]])).message).toContain('is stuck');
    await rack.stick(prefix, false);
    await director.get('reboot_vm', [vms[0]]);
  });

  it('are deleted only when they are off, and leave their persistent disks', async () => {
    const [vm = '', other = ''] = vms;
    const prefix = await prefixOf(vm);
    await rack.stick(prefix, true);
    expect(await director.fail('delete_vm', [vm])).toMatchObject({
      type: 'CloudError',
      message: expect.stringContaining('is stuck') as string,
    });
    expect(await director.get('has_vm', [vm])).toBe(true);
    await rack.stick(prefix, false);
    for (let twice = 0; twice < 2; twice += 1) await director.get('delete_vm', [vm]);
    expect(await rack.power(prefix)).toBe('off');
    expect(await director.get('has_vm', [vm])).toBe(false);
    expect((await deviceOf(vm)).labels).toEqual({ rack: 'b' });
    expect(await rack.settings(vm)).toBeUndefined();
    await director.get('delete_vm', [other], { apiVersion: null });
    await director.get('delete_vm', ['dev_00000000000000000000000000']);
    const left = await rack.server.client.disks.list({});
    expect(left.items.map(({ id }) => id).sort()).toEqual([...disks].sort());
    for (const disk of disks) for (let twice = 0; twice < 2; twice += 1) await director.get('delete_disk', [disk]);
    expect((await rack.server.client.disks.list({})).items).toEqual([]);
  });

  it('leave stemcells, of which those that were imported go', async () => {
    for (const cid of [stemcell, stemcell, light]) await director.get('delete_stemcell', [cid]);
    expect((await rack.server.client.images.list({})).items.map(({ ref }) => ref)).toEqual([rack.image]);
  });
});

describe('a VM that cannot be made', () => {
  it('gives its board back', async () => {
    const { client } = rack.server;
    const prefix = 'b05c0000';
    const args = (properties: object, network: object = manual): unknown[] => [
      randomUUID(),
      rack.image,
      properties,
      { default: network },
      [],
      {},
    ];
    await rack.stick(prefix, true);
    const stuck = await director.fail('create_vm', args({ device: prefix }));
    expect(stuck).toMatchObject({
      type: 'VMCreationFailed',
      retry: true,
      message: expect.stringContaining('could not be given back') as string,
    });
    await rack.stick(prefix, false);
    await client.devices.release({ params: { ref: prefix } });
    await expect.poll(async () => (await deviceOf(prefix)).state).toBe('available');

    await client.devices.update({ params: { ref: prefix }, body: { power: null } });
    expect((await director.fail('create_vm', args({ device: prefix }))).message).toContain('drover power set');
    expect(await deviceOf(prefix)).toMatchObject({ state: 'available', labels: { rack: 'a' } });
    await client.devices.update({ params: { ref: prefix }, body: { power: { driver: 'rig' } } });

    expect((await director.fail('create_vm', args({}, { ...manual, cloud_properties: { site: 'annex' } }))).type).toBe(
      'NetworkNotFound',
    );
    expect(
      (await director.fail('create_vm', [randomUUID(), rack.image, {}, { a: manual, b: manual }, [], {}])).type,
    ).toBe('NotSupported');
    expect(await director.fail('create_vm', args({ root_mode: 'floppy' }))).toMatchObject({
      type: 'CpiError',
      message: expect.stringContaining('root_mode') as string,
    });
    expect(
      (await director.fail('create_vm', [randomUUID(), 'none', {}, { default: manual }, [], {}])).message,
    ).toContain('no stemcell');
    const { items } = await client.devices.list({});
    expect(items.map(({ state, name }) => [name, state])).toEqual(items.map(({ name }) => [name, 'available']));

    // The same agent once more, as the director does where it may: the board that was given back is asked for anew.
    await rack.stick(prefix, true);
    const again = args({ device: prefix });
    expect((await director.fail('create_vm', again)).retry).toBe(true);
    await rack.stick(prefix, false);
    await client.devices.release({ params: { ref: prefix } });
    await expect.poll(async () => (await deviceOf(prefix)).state).toBe('available');
    const [vm] = await director.get<[string]>('create_vm', again);
    await director.get('delete_vm', [vm]);
  });

  it('has no space, where the tenant may not have more', async () => {
    const { client } = rack.server;
    const [tenant] = (await client.tenants.list({})).items;
    await client.tenants.update({ params: { ref: tenant?.id ?? '' }, body: { quota: { disks: 0 } } });
    expect(await director.fail('create_disk', [64, {}, null])).toMatchObject({ type: 'NoDiskSpace', retry: false });
    await client.tenants.update({ params: { ref: tenant?.id ?? '' }, body: { quota: { disks: null } } });
    expect(await director.fail('create_disk', [0, {}, null])).toMatchObject({ type: 'CpiError' });
  });
});

describe('a director of the old CPI', () => {
  it('is answered: nine requests of its shape', async () => {
    const context = { url: `${rack.server.url}/k/${rack.server.key}/api/v1` };
    const ask = async (method: string, ...args: unknown[]): Promise<unknown> => {
      const { stdout } = await runCpi({ method, arguments: args, context });
      const { result, error } = JSON.parse(stdout) as { result: unknown; error: unknown };
      expect(error, method).toBeNull();
      return result;
    };
    const properties = {
      name: '2017-11-29-raspbian-stretch-lite',
      version: '0000',
      infrastructure: 'rpi',
      disk_format: 'img',
      os_type: 'linux',
      architecture: 'arm5',
    };
    const stemcell = await ask('create_stemcell', rack.card, properties);
    const vm = await ask(
      'create_vm',
      randomUUID(),
      stemcell,
      { instance_type: 'm1.small' },
      { pinet: { type: 'dynamic' } },
      [],
      { bosh: {} },
    );
    expect(vm).toMatch(/^dev_/);
    expect(await ask('has_vm', vm)).toBe(true);
    const disk = await ask('create_disk', 16, {}, vm);
    expect(await ask('get_disks', vm)).toEqual([]);
    expect(await ask('reboot_vm', vm)).toBeNull();
    expect(await ask('delete_disk', disk)).toBeNull();
    expect(await ask('delete_vm', vm)).toBeNull();
    expect(await ask('delete_stemcell', stemcell)).toBeNull();
  });
});
