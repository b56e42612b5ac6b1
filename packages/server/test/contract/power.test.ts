import { describe, expect, it } from 'vitest';
import { refusal, success, type Job, type Principal, type Result } from '@drover/contract';
import { createDevices } from '../../src/app/devices/devices.js';
import type { DeviceRecord, Prepare } from '../../src/app/devices/ports.js';
import { createProvisioning } from '../../src/app/devices/provisioning.js';
import { createReleaseJob } from '../../src/app/devices/release-job.js';
import { createEnqueue } from '../../src/app/jobs/enqueue.js';
import { createJobRunner } from '../../src/app/jobs/runner.js';
import { createOffUnassigned, createPowering, restorePower } from '../../src/app/power/assigned.js';
import { createPowerDesk } from '../../src/app/power/desk.js';
import { createPower } from '../../src/app/power/power.js';
import { createPowerJob } from '../../src/app/power/power-job.js';
import { createPowerProofs } from '../../src/app/power/proofs.js';
import { refuseSupply } from '../../src/app/power/supply.js';
import { switchBoard } from '../../src/app/power/switching.js';
import type { ConfiguredDriver, Switched } from '../../src/app/power/ports.js';
import { adapters } from './support/databases.js';
import { firstBoot } from './support/first-boot.js';
import { makeFleet, makeImage, makeTenant, who } from './support/fleet.js';
import { createTestClock, createTestLog, testIds } from './support/world.js';

const proveSeconds = 120;
const limits = { concurrency: 8, staggerMs: 0, timeoutMs: 1000, retries: 0 };

/** A rack of outlets in memory: what was done to them, and what they say. */
function outlets() {
  const is = new Map<string, Switched>();
  const done: string[] = [];
  const state = { broken: false, lies: false };
  const driver = (name: string, canQuery: boolean): ConfiguredDriver => ({
    limits,
    driver: {
      ...{ name, kind: 'http', needs: ['port'], canQuery },
      switch: async ({ values }, to) => {
        if (state.broken) return refusal('power.failed', `${name} does not answer.`);
        done.push(`${values['port']} ${to}`);
        if (!state.lies) is.set(values['port'] ?? '', to);
        return success(null);
      },
      query: async ({ values }) => success(is.get(values['port'] ?? '') ?? 'off'),
    },
  });
  const drivers = new Map([
    ['blind', driver('blind', false)],
    ['seeing', driver('seeing', true)],
    ['person', driver('person', false)],
  ]);
  return { is, done, state, drivers };
}

const valueOf = <T>(result: Result<T>): T => {
  if (!result.ok) throw new Error(`${result.code}: ${result.detail}`);
  return result.value;
};
const codeOf = (result: Result<unknown>): string => (result.ok ? 'ok' : result.code);

describe.each(adapters())('power on $name', ({ create }) => {
  const open = async ({ hook = async (): Promise<Result<null>> => success(null), size = 2 } = {}) => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'default');
    await makeImage(store);
    await makeFleet(store, tenant, size);
    const clock = createTestClock();
    const log = createTestLog();
    const rack = outlets();
    /** The board that answers when it is asked. */
    const state = { answers: '' };
    const desk = createPowerDesk(rack.drivers, 1);
    const enqueue = createEnqueue({ clock, ids: testIds });
    const ended: string[] = [];
    const prepare: Prepare = {
      ensure: async () => ({ job: null, what: '', disk: null }),
      end: async (_tx, device, disk) => void ended.push(`${device} ${disk}`),
    };
    const switching = { store, clock, desk, proveSeconds };
    const powering = createPowering({ enqueue, desk });
    const runner = createJobRunner({
      ...{ store, clock, log, ids: testIds, concurrency: 8, owner: 'test', events: store.events },
      handlers: [
        createPowerJob({ ...switching, cycleMs: 1 }),
        createReleaseJob({
          ...{ store, clock, prepare, hook },
          switchOff: async (device, signal) =>
            device.power === null ? success(null) : switchBoard(switching, device, 'off', signal),
        }),
      ],
      timing: { pollMs: 20, tickMs: 20 },
    });
    const devices = createDevices({
      ...{ store, clock },
      refuseSupply: (tx, device, supply) => refuseSupply(tx, desk.drivers, device, supply),
    });
    const admin = who(tenant);
    const supply = async (ref: string, driver: string, port: string) =>
      devices.update(admin, ref, { power: { driver, values: { port } } });
    const power = createPower({ store, enqueue, desk });
    const now = async (ref: string): Promise<DeviceRecord> => {
      const [found] = await store.read((tx) => tx.devices.resolve(ref, tenant));
      return found ?? expect.fail(`no ${ref}`);
    };
    const jobOf = async (id: string): Promise<Job | undefined> => store.read((tx) => tx.jobs.get(id));
    const act = async (ref: string, action: 'on' | 'off' | 'cycle' | 'query') => {
      const { id } = valueOf(await power.act(admin, ref, action));
      await expect.poll(async () => (await jobOf(id))?.endedAt).not.toBeNull();
      return (await jobOf(id))!;
    };
    /** No job of a board is waiting or at work. */
    const calm = async (ref: string) => {
      const { id } = await now(ref);
      const jobs = async () => (await store.read((tx) => tx.jobs.list({ subject: id }, { limit: 100 }))).items;
      await expect.poll(async () => (await jobs()).filter(({ endedAt }) => endedAt === null)).toEqual([]);
    };
    const events = async () =>
      (await store.read((tx) => tx.events.list({ after: 0, limit: 1000 })))
        .filter(({ type }) => /^power|releas|device\.failed/.test(type))
        .map(({ type, data }) => `${type} ${(data['reason'] ?? data['by'] ?? data['to'] ?? '') as string}`.trim());
    const heard = async (ref: string) => {
      const { id } = await now(ref);
      await store.transaction((tx) => tx.devices.touch(id, { at: new Date(clock.now()).toISOString() }));
    };
    return {
      ...{
        store,
        tenant,
        clock,
        rack,
        desk,
        enqueue,
        devices,
        admin,
        supply,
        power,
        now,
        act,
        calm,
        events,
        heard,
        ended,
        powering,
        log,
        state,
      },
      proofs: createPowerProofs({
        ...{ store, clock, log },
        ask: async (id) => (await store.read((tx) => tx.devices.get(id)))?.name === state.answers,
        isByHand: (driver) => driver === 'person',
      }),
      provisioning: createProvisioning({
        ...{ store, clock, prepare, enqueue, powering, firstBoot, defaultTenant: tenant },
        takesWork: ({ power: each }) => each !== null,
      }),
      running: async (work: () => Promise<void>) => {
        await runner.start(new AbortController().signal);
        try {
          await work();
        } finally {
          await runner.stop();
        }
      },
    };
  };

  it('is said by admins, once for each place', async () => {
    const { devices, supply, admin, tenant, power } = await open();
    const operator: Principal = who(tenant, 'operator');
    const seven = { power: { driver: 'blind', values: { port: '7' } } };
    expect(codeOf(await devices.update(operator, 'pi-0', seven))).toBe('auth.forbidden');
    expect(await devices.update(admin, 'pi-0', { power: { driver: 'none', values: {} } })).toMatchObject({
      code: 'power.unsupported',
      errors: [{ field: 'power.driver' }],
    });
    expect(await devices.update(admin, 'pi-0', { power: { driver: 'blind', values: {} } })).toMatchObject({
      code: 'request.invalid',
      errors: [{ field: 'power.values.port', remedy: expect.stringContaining('--value port=') as string }],
    });
    expect(codeOf(await power.act(operator, 'pi-0', 'on'))).toBe('power.unsupported');
    expect(valueOf(await supply('pi-0', 'blind', '7')).power).toMatchObject({
      driver: 'blind',
      state: 'unknown',
      wanted: null,
    });
    expect(await supply('pi-1', 'blind', '7')).toMatchObject({
      code: 'power.unsupported',
      detail: expect.stringContaining('pi-0') as string,
    });
    expect(codeOf(await supply('pi-1', 'seeing', '7'))).toBe('ok');
    expect(codeOf(await supply('pi-0', 'blind', '7'))).toBe('ok');
    expect(codeOf(await power.act(operator, 'pi-0', 'query'))).toBe('power.unsupported');
    expect(valueOf(power.drivers(operator)).items.map(({ name, canQuery }) => [name, canQuery])).toEqual([
      ['blind', false],
      ['seeing', true],
      ['person', false],
    ]);
    expect(valueOf(await devices.update(admin, 'pi-0', { power: null })).power).toBeNull();
  });

  it('is proved: on by the board, off by the driver or by silence; a driver that lies is found out', async () => {
    const { supply, act, now, heard, clock, proofs, rack, events, running } = await open();
    await supply('pi-0', 'blind', '1');
    await supply('pi-1', 'seeing', '2');
    await running(async () => {
      expect((await act('pi-0', 'on')).state).toBe('succeeded');
      expect((await now('pi-0')).power).toMatchObject({ state: 'starting', wanted: 'on', failure: null });
      expect(await proofs.watch()).toBe(0);
      clock.advance(20_000);
      await heard('pi-0');
      expect(await proofs.watch()).toBe(1);
      expect((await now('pi-0')).power?.state).toBe('on');
      // Says ok, and does nothing.
      rack.state.lies = true;
      expect((await act('pi-0', 'off')).state).toBe('succeeded');
      clock.advance(30_000);
      await heard('pi-0');
      expect(await proofs.watch()).toBe(1);
      expect((await now('pi-0')).power).toMatchObject({
        ...{ state: 'unproven', wanted: 'off' },
        failure: 'it was heard 30 s after it was switched off',
      });
      rack.state.lies = false;
      expect((await act('pi-1', 'on')).state).toBe('succeeded');
      clock.advance(proveSeconds * 1000);
      expect(await proofs.watch()).toBe(1);
      expect((await now('pi-1')).power?.failure).toBe('nothing was heard of it in the 120 s after it was switched on');
      rack.state.lies = true;
      expect((await act('pi-1', 'off')).error?.detail).toBe(
        'pi-1 was switched off, and the driver says that it is still on.',
      );
      rack.state.lies = false;
      expect((await act('pi-1', 'off')).state).toBe('succeeded');
      expect((await now('pi-1')).power).toMatchObject({ state: 'off', failure: null });
      expect((await act('pi-0', 'off')).state).toBe('succeeded');
      clock.advance(proveSeconds * 1000);
      expect(await proofs.watch()).toBe(0);
      let settled = 0;
      await expect.poll(async () => (settled += await proofs.watch())).toBe(2);
      expect(await proofs.watch()).toBe(0);
    });
    expect(await events()).toEqual([
      'power.switched on',
      'power.proved the board',
      'power.switched off',
      'power.failed it was heard 30 s after it was switched off',
      'power.switched on',
      'power.failed nothing was heard of it in the 120 s after it was switched on',
      'power.switched off',
      'power.failed the driver says that it is still on',
      'power.switched off',
      'power.proved the driver',
      'power.switched off',
      'power.proved silence',
      'power.proved silence',
    ]);
  });

  it('is not off when the board answers, also one whose driver can tell: the plug may be another', async () => {
    const { supply, act, now, clock, proofs, events, running, state } = await open();
    await supply('pi-0', 'seeing', '1');
    state.answers = 'pi-0';
    await running(async () => {
      expect((await act('pi-0', 'off')).state).toBe('succeeded');
      clock.advance(5_000);
      expect(await proofs.watch()).toBe(0);
      clock.advance(1_000);
      await expect.poll(proofs.watch).toBe(1);
      expect((await now('pi-0')).power).toMatchObject({
        ...{ state: 'unproven', wanted: 'off', proofUntil: null },
        failure: 'it was heard 6 s after it was switched off',
      });
    });
    expect(await events()).toEqual([
      'power.switched off',
      'power.proved the driver',
      'power.failed it was heard 6 s after it was switched off',
    ]);
  });

  it('may take a person a while to switch off', async () => {
    const { supply, act, now, heard, clock, proofs, running, state } = await open();
    await supply('pi-0', 'person', '1');
    state.answers = 'pi-0';
    await running(async () => {
      expect((await act('pi-0', 'off')).state).toBe('succeeded');
      clock.advance(50_000);
      await heard('pi-0');
      expect(await proofs.watch()).toBe(0);
      clock.advance(70_000);
      expect(await proofs.watch()).toBe(1);
      expect((await now('pi-0')).power).toMatchObject({ state: 'off', failure: null });
    });
  });

  it('failures are told, and two that switch one board do not meet', async () => {
    const { supply, act, now, rack, power, admin, running } = await open();
    await supply('pi-0', 'seeing', '1');
    await supply('pi-1', 'seeing', '2');
    const first = valueOf(await power.act(admin, 'pi-1', 'cycle'));
    expect(valueOf(await power.act(admin, 'pi-1', 'cycle')).id).toBe(first.id);
    expect(await power.act(admin, 'pi-1', 'off')).toMatchObject({ code: 'job.unfinished', conflicts: [first.id] });
    await running(async () => {
      await expect.poll(() => rack.done).toEqual(['2 off', '2 on']);
      rack.state.broken = true;
      const failed = await act('pi-0', 'on');
      expect(failed).toMatchObject({
        state: 'failed',
        error: { code: 'power.failed', detail: 'seeing does not answer.' },
      });
      expect((await now('pi-0')).power).toMatchObject({ failure: 'seeing does not answer.', state: 'unknown' });
      rack.state.broken = false;
      expect((await act('pi-1', 'query')).result).toMatchObject({ state: 'on' });
      rack.is.set('2', 'off');
      expect((await act('pi-1', 'query')).result).toMatchObject({ state: 'off' });
      expect((await now('pi-1')).power?.state).toBe('off');
    });
  });

  it('comes with an assignment and goes with it; what cannot be switched off stays, until it is forced', async () => {
    const { supply, provisioning, admin, now, rack, ended, running, events } = await open();
    await supply('pi-0', 'seeing', '1');
    const wanted = { image: 'debian:12', rootMode: 'ram' as const, kernelParameters: '', device: 'pi-0' };
    await running(async () => {
      const given = valueOf(await provisioning.provision(admin, wanted));
      expect(given.state).toBe('in-use');
      await expect.poll(() => rack.done).toEqual(['1 off', '1 on']);
      await expect.poll(async () => (await now('pi-0')).power?.state).toBe('starting');
      // Another image is for the next boot: nobody pulls the plug under work, once it came up.
      rack.state.broken = true;
      const leaving = valueOf(await provisioning.release(admin, 'pi-0'));
      expect(leaving).toMatchObject({ state: 'releasing', assignment: null });
      expect(codeOf(await provisioning.release(admin, 'pi-0'))).toBe('device.state');
      await expect.poll(async () => (await now('pi-0')).state).toBe('failed');
      expect((await now('pi-0')).stateReason).toBe('it could not be released: seeing does not answer.');
      expect(ended).toEqual([]);
      valueOf(await provisioning.release(admin, 'pi-0', { force: true, disk: 'keep' }));
      await expect.poll(async () => (await now('pi-0')).state).toBe('available');
      expect(ended).toEqual([`${given.id} keep`]);
      rack.state.broken = false;
      valueOf(await provisioning.provision(admin, wanted));
      await expect.poll(() => rack.done.length).toBe(4);
      valueOf(await provisioning.release(admin, 'pi-0'));
      await expect.poll(async () => (await now('pi-0')).state).toBe('available');
      expect(rack.is.get('1')).toBe('off');
    });
    expect((await events()).filter((each) => !each.startsWith('power'))).toEqual([
      `device.releasing ${admin.key}`,
      'device.failed it could not be released: seeing does not answer.',
      `device.releasing ${admin.key}`,
      `device.released ${admin.key}`,
      `device.releasing ${admin.key}`,
      `device.released ${admin.key}`,
    ]);
  });

  it('waits for the hook of a release', async () => {
    const answers = [refusal('tool.failed', 'the film is not over'), success(null)];
    const asked: (string | null)[] = [];
    const { supply, provisioning, admin, now, rack, running } = await open({
      hook: (async (_device: DeviceRecord, image: string | null) => {
        asked.push(image);
        return answers[asked.length - 1] ?? success(null);
      }) as () => Promise<Result<null>>,
    });
    await supply('pi-0', 'blind', '1');
    await running(async () => {
      valueOf(
        await provisioning.provision(admin, {
          image: 'debian:12',
          rootMode: 'ram',
          kernelParameters: '',
          device: 'pi-0',
        }),
      );
      await expect.poll(() => rack.done.length).toBe(2);
      valueOf(await provisioning.release(admin, 'pi-0'));
      await expect
        .poll(async () => (await now('pi-0')).stateReason)
        .toBe('it could not be released: the film is not over');
      expect(rack.done).toHaveLength(2);
      valueOf(await provisioning.release(admin, 'pi-0'));
      await expect.poll(async () => (await now('pi-0')).state).toBe('available');
    });
    expect(asked).toEqual(['debian:12', null]);
  });

  it('is restored at a start, but for what somebody switched off; boards without an image are switched off', async () => {
    const { supply, provisioning, admin, now, rack, running, act, calm, store, enqueue, desk, clock, log } = await open(
      {
        size: 4,
      },
    );
    for (const each of ['0', '1', '2', '3']) await supply(`pi-${each}`, each === '1' ? 'blind' : 'seeing', each);
    const wanted = { image: 'debian:12', rootMode: 'ram' as const, kernelParameters: '' };
    await running(async () => {
      for (const device of ['pi-0', 'pi-1', 'pi-2'])
        valueOf(await provisioning.provision(admin, { ...wanted, device }));
      await expect.poll(() => rack.done.length).toBe(6);
      await calm('pi-2');
      await act('pi-2', 'off');
      // The lights went out.
      rack.is.clear();
      rack.done.length = 0;
      expect(await restorePower({ store, enqueue, desk })).toBe(2);
      await expect.poll(() => [...rack.done].sort()).toEqual(['0 on', '1 on']);
      const off = createOffUnassigned({ store, enqueue, desk, clock, log });
      for (const each of ['pi-0', 'pi-3', 'pi-3']) off(await now(each));
      await expect.poll(() => rack.done).toContain('3 off');
      await expect.poll(async () => (await now('pi-3')).power?.state).toBe('off');
      expect(rack.done.filter((each) => each.startsWith('3') || each === '0 off')).toEqual(['3 off']);
    });
  });
});
