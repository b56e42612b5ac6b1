import { describe, expect, it } from 'vitest';
import { DeviceFilePut, type Principal, type Result } from '@drover/contract';
import { createDeviceFiles } from '../../src/app/devices/files.js';
import type { Prepare } from '../../src/app/devices/ports.js';
import { createProvisioning } from '../../src/app/devices/provisioning.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { adapters } from './support/databases.js';
import { makeFleet, makeImage, makeTenant, who } from './support/fleet.js';
import { noPower } from './support/no-power.js';
import { createTestClock, testIds } from './support/world.js';

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
    const provisioning = createProvisioning({ store, clock, prepare, enqueue, defaultTenant: tenant, ...noPower });
    const operator: Principal = who(tenant, 'operator');
    const wanted = { image: 'debian:12', rootMode: 'ram' as const, kernelParameters: '', device: 'pi-0' };
    valueOf(await provisioning.provision(operator, wanted));
    return { store, tenant, operator, provisioning, files: createDeviceFiles({ store, clock }) };
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
});
