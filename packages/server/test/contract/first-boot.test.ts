import { describe, expect, it } from 'vitest';
import { FirstBootPut, type Principal, type Result } from '@drover/contract';
import { createFirstBoots } from '../../src/app/devices/first-boot.js';
import type { Prepare } from '../../src/app/devices/ports.js';
import { createProvisionRequests } from '../../src/app/devices/provision-requests.js';
import { createProvisioning } from '../../src/app/devices/provisioning.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { adapters } from './support/databases.js';
import { firstBoot } from './support/first-boot.js';
import { makeFleet, makeImage, makeTenant, who } from './support/fleet.js';
import { noPower } from './support/no-power.js';
import { aKey } from './support/records.js';
import { createTestClock, testIds } from './support/world.js';

const prepare: Prepare = { ensure: async () => ({ job: null, what: '', disk: null }), end: async () => undefined };
const valueOf = <T>(result: Result<T>): T =>
  result.ok ? result.value : expect.fail(`${result.code}: ${result.detail}`);
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);
const settings = (put: object): FirstBootPut => FirstBootPut.parse(put);

const passwordHash = '$6$saltsaltsalt$0123456789abcdef./ABCDEF';
const plain = 'correct horse battery';
const customToml = `config_version = 1\n[user]\nname = "anna"\npassword = "${plain}"\npassword_encrypted = false\n`;

describe.each(adapters())('first-boot settings on $name', ({ create }) => {
  const open = async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    await makeFleet(store, tenant, 2);
    const clock = createTestClock();
    const enqueue = createEnqueue({ clock, ids: testIds });
    const deps = { store, clock, prepare, enqueue, firstBoot, ids: testIds, defaultTenant: tenant, ...noPower };
    const provisioning = createProvisioning(deps);
    const key = aKey({ tenant, role: 'operator' });
    await store.transaction((tx) => tx.keys.insert(key));
    const operator: Principal = { key: key.id, name: key.name, tenant, role: 'operator' };
    const wanted = { image: 'debian:12', rootMode: 'ram' as const, kernelParameters: '' };
    const provision = async (device: string, more: object = {}) =>
      valueOf(await provisioning.provision(operator, { ...wanted, device, ...more }));
    const events = async () => {
      const all = await store.read((tx) => tx.events.list({ after: 0, limit: 100 }));
      return all.filter(({ type }) => type === 'device.first-boot-changed').map(({ data }) => data);
    };
    return {
      ...{ store, tenant, operator, provisioning, provision, wanted, events },
      requests: createProvisionRequests(deps),
      firstBoots: createFirstBoots({ store, clock, reader: firstBoot }),
    };
  };

  it('are kept, shown without secrets, replaced and taken away', async () => {
    const { firstBoots, operator, provision, store, events } = await open();
    const device = await provision('pi-0');
    expect(codeOf(await firstBoots.get(operator, 'pi-0'))).toBe('first-boot.not-found');
    const put = settings({ hostname: 'sign-17', users: [{ name: 'anna', passwordHash, sudo: true }] });
    const shown = valueOf(await firstBoots.put(operator, 'pi-0', put));
    expect(shown).toMatchObject({ hostname: 'sign-17', users: [{ name: 'anna', hasPassword: true, sudo: true }] });
    expect(valueOf(await firstBoots.get(operator, 'pi-0'))).toEqual(shown);
    expect(JSON.stringify(shown)).not.toContain(passwordHash);
    const kept = await store.read((tx) => tx.firstBoots.get(device.id));
    expect(kept?.settings.users?.[0]?.passwordHash).toBe(passwordHash);

    const userData = '#cloud-config\ntimezone: UTC\npackages: [htop]\n';
    valueOf(await firstBoots.put(operator, 'pi-0', settings({ userData })));
    const second = valueOf(await firstBoots.get(operator, 'pi-0'));
    expect(second).toMatchObject({ userData, timezone: 'UTC', hidden: [] });
    expect(second.warnings).toEqual(['packages is left to images with cloud-init']);
    expect(second.hostname).toBeUndefined();

    valueOf(await firstBoots.remove(operator, 'pi-0'));
    expect(codeOf(await firstBoots.remove(operator, 'pi-0'))).toBe('first-boot.not-found');
    const told = await events();
    expect(told.map((data) => data['settings'])).toEqual([['hostname', 'users'], ['timezone', 'userData'], null]);
    expect(JSON.stringify(told)).not.toMatch(/sign-17|anna|\$6/);
  });

  it('are for operators of the tenant, and only of devices that somebody has', async () => {
    const { firstBoots, operator, provision, tenant, store } = await open();
    await provision('pi-0');
    const reader = who(tenant, 'reader');
    valueOf(await firstBoots.put(operator, 'pi-0', settings({ userData: '#cloud-config\nhostname: a\n' })));
    const shown = valueOf(await firstBoots.get(reader, 'pi-0'));
    expect(shown).toMatchObject({ hostname: 'a', hidden: ['userData'] });
    expect(shown.userData).toBeUndefined();
    expect(codeOf(await firstBoots.put(reader, 'pi-0', settings({ hostname: 'b' })))).toBe('auth.forbidden');
    expect(codeOf(await firstBoots.remove(reader, 'pi-0'))).toBe('auth.forbidden');
    const stranger = who(await makeTenant(store, 'other'));
    expect(codeOf(await firstBoots.get(stranger, 'pi-0'))).toBe('device.not-found');
    expect(codeOf(await firstBoots.put(stranger, 'pi-0', settings({ hostname: 'b' })))).toBe('device.not-found');
    expect(codeOf(await firstBoots.put(operator, 'pi-1', settings({ hostname: 'b' })))).toBe('device.state');
  });

  it('that are no good are refused by the name of their field, and change nothing', async () => {
    const { firstBoots, operator, provision, provisioning, wanted, store } = await open();
    const device = await provision('pi-0');
    const bad = settings({ customToml: '[system]\nhostname = "a b"\n' });
    expect(await firstBoots.put(operator, 'pi-0', bad)).toMatchObject({
      code: 'request.invalid',
      errors: [{ field: 'customToml.system.hostname' }],
    });
    expect(codeOf(await provisioning.provision(operator, { ...wanted, device: 'pi-1', firstBoot: bad }))).toBe(
      'request.invalid',
    );
    expect(codeOf(await provisioning.reimage(operator, 'pi-0', { ...wanted, firstBoot: bad }))).toBe('request.invalid');
    expect((await store.read((tx) => tx.devices.get(device.id)))?.generation).toBe(1);
    expect(await store.read((tx) => tx.firstBoots.get(device.id))).toBeUndefined();
  });

  it('come with an image, stay with another one, and go with the release', async () => {
    const { firstBoots, operator, provision, provisioning, wanted } = await open();
    await provision('pi-0', { firstBoot: settings({ hostname: 'one' }) });
    const host = async () => valueOf(await firstBoots.get(operator, 'pi-0')).hostname;
    expect(await host()).toBe('one');
    valueOf(await provisioning.reimage(operator, 'pi-0', wanted));
    expect(await host()).toBe('one');
    valueOf(await provisioning.reimage(operator, 'pi-0', { ...wanted, firstBoot: settings({ hostname: 'two' }) }));
    expect(await host()).toBe('two');
    valueOf(await provisioning.release(operator, 'pi-0'));
    expect(codeOf(await firstBoots.get(operator, 'pi-0'))).toBe('first-boot.not-found');
    await provision('pi-0');
    expect(codeOf(await firstBoots.get(operator, 'pi-0'))).toBe('first-boot.not-found');
  });

  it('wait in the queue with who asked, a plain password already made a hash', async () => {
    const { firstBoots, operator, provision, provisioning, requests, wanted, store } = await open();
    await provision('pi-0');
    const asked = { ...wanted, device: 'pi-0', waitSeconds: 60, firstBoot: settings({ customToml }) };
    const request = valueOf(await requests.create(operator, asked));
    const waiting = await store.read((tx) => tx.requests.get(request.id));
    expect(JSON.stringify(waiting)).not.toContain(plain);
    expect(waiting?.wanted.firstBoot?.settings.users?.[0]?.passwordHash).toMatch(/^\$6\$/);
    valueOf(await provisioning.release(operator, 'pi-0'));
    expect(await requests.serve()).toBe(1);
    expect(valueOf(await firstBoots.get(operator, 'pi-0')).users).toMatchObject([
      { name: 'anna', hasPassword: true, takesOver: true },
    ]);
  });
});
