import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDeviceSecrets } from '../../src/app/boot/device-secrets.js';
import { secretOf } from '../../src/domain/boot-credential.js';
import { identityFiles, identityTar } from '../../src/domain/identity-tar.js';
import { silentLog } from '../boot/log.js';
import { admin, run } from './netboot-lab.js';
import { down, report, wire, World } from './netboot-world.js';

const signal = new AbortController().signal;
let world: World;
beforeEach(async () => {
  world = new World();
  await world.start();
});
afterEach(() => world.stop());

describe('the keeper of sessions', () => {
  it('ends the former session when the next boot begins, with a verdict', async () => {
    const device = await world.provisioned(true);
    const first = await world.open(device);
    await world.say(first, device, { ...down, path: 'p/start4.elf', outcome: 'aborted', bytes: 5e6, ms: 30_100 });
    world.now += 60_000;
    await world.open(device);
    expect(await world.session(first)).toMatchObject({ outcome: 'superseded', verdict: { fault: 'file-timeout' } });
  });

  it('gives up a silent session after as long as its stage may be silent', async () => {
    const device = await world.provisioned(true);
    const id = await world.open(device);
    await world.say(id, device, down);
    world.now += 170_000;
    expect(await world.service.sweeper.sweep()).toBe(0);
    world.now += 20_000;
    expect(await world.service.sweeper.sweep()).toBe(1);
    expect(await world.session(id)).toMatchObject({
      outcome: 'lost',
      stage: 'kernel',
      verdict: { fault: 'unheard-initramfs' },
    });
    expect(await world.service.sweeper.sweep()).toBe(0);
  });

  it('takes back that a session was lost when its board comes up after all', async () => {
    const device = await world.provisioned(true);
    const id = await world.open(device);
    await world.say(id, device, down, report('start', 'ok'));
    world.now += 1_000_000;
    await world.service.sweeper.sweep();
    await world.say(id, device, report('up', 'ok'));
    expect(await world.session(id)).toMatchObject({ outcome: 'up', verdict: null });
    const events = await world.store.read((tx) => tx.events.list({ after: 0, limit: 50, subject: id }));
    expect(events.map(({ type }) => type)).toEqual(['session.started', 'session.ended', 'session.ended']);
  });

  it('sees a loop after five boots that did not come up', async () => {
    const device = await world.provisioned(true);
    const sessions: string[] = [];
    for (let i = 0; i < 6; i += 1) {
      const id = await world.open(device);
      sessions.push(id);
      await world.say(id, device, down, report('verify', 'failed', 'sha256 differs'));
      world.now += 60_000;
    }
    expect((await world.session(sessions[0]!))?.verdict?.fault).toBe('step-failed');
    const last = (await world.session(sessions[5]!))?.verdict;
    expect(last?.fault).toBe('boot-loop');
    expect(last?.message).toContain('sha256 differs');
  });

  it('says of a board without an image that it has none', async () => {
    const device = await world.device();
    const id = await world.open(device, null);
    world.now += 100_000;
    await world.service.sweeper.sweep();
    expect((await world.session(id))?.verdict).toMatchObject({
      fault: 'not-provisioned',
      message: 'There is nothing for this board to boot: it is not adopted.',
    });
  });

  it('says of a board that is to run from its card, and asked the network, that it needs it', async () => {
    const device = await world.provisioned(true);
    await world.store.transaction(async (tx) => {
      const { revision, assignment } = (await tx.devices.get(device))!;
      await tx.devices.update(device, revision, { assignment: { ...assignment!, rootMode: 'sd' } });
    });
    const answer = await world.service.backend.identify(wire);
    expect(answer).toMatchObject({ kind: 'nothing', reason: expect.stringContaining('from its card') as string });
    const id = await world.open(device, null);
    world.now += 100_000;
    await world.service.sweeper.sweep();
    expect((await world.session(id))?.verdict).toMatchObject({
      fault: 'card-needed',
      remedy: expect.stringContaining('--self-updating') as string,
    });
    const request = { wire, release: '6.6.31', boot: '0'.repeat(64) };
    expect(await world.service.backend.admitCard(request)).toMatchObject({
      kind: 'admitted',
      answer: { kind: 'boot' },
    });
  });

  it('writes down a session whose opening was lost', async () => {
    const device = await world.provisioned(true);
    const id = world.ids.next('bs');
    await world.say(id, device, down);
    expect(await world.session(id)).toMatchObject({ device, stage: 'kernel', generation: 1 });
    const orphan = world.ids.next('bs');
    await world.tell([{ kind: 'entry', session: orphan, device: null, entry: world.entry(down) }]);
    expect(await world.session(orphan)).toBeUndefined();
  });

  it('forgets old sessions', async () => {
    const device = await world.provisioned(true);
    const old = await world.open(device);
    await world.say(old, device, report('up', 'ok'));
    world.now += 31 * 86_400_000;
    const young = await world.open(device);
    await world.service.sweeper.sweep();
    expect(await world.session(old)).toBeUndefined();
    expect(await world.session(young)).toBeDefined();
  });
});

describe('somebody in the name of a board that is up', () => {
  const upAt = async (device: string): Promise<string> => {
    const id = await world.open(device);
    await world.say(id, device, down, report('up', 'ok'));
    world.now += 60_000;
    return id;
  };
  const events = async (device: string) =>
    (await world.store.read((tx) => tx.events.list({ after: 0, limit: 100, subject: device }))).filter(
      ({ type }) => type === 'device.impostor',
    );
  const exchange = (address: string, session: string, other: string, isUp: boolean) => ({
    ...{ type: 'exchange', outcome: 'impostor', address },
    other: { session, address: other, isUp },
  });

  it('is an event, with both addresses; his session is revoked, and the board is at the boot it was at', async () => {
    const device = await world.provisioned(true);
    const up = await upAt(device);
    const his = await world.open(device);
    const said = exchange('10.0.0.66', up, '10.0.0.9', true);
    await world.say(his, device, said);
    await world.say(up, device, exchange('10.0.0.9', his, '10.0.0.66', false));
    // Told of twice, as after a crash of the boot plane.
    await world.say(his, device, said);
    expect(await world.session(his)).toMatchObject({ outcome: 'revoked', verdict: { fault: 'impostor' } });
    expect(await world.session(up)).toMatchObject({ outcome: 'up' });
    expect(await events(device)).toMatchObject([
      { data: { session: up, address: '10.0.0.9', impostorSession: his, impostorAddress: '10.0.0.66' } },
    ]);
    const record = await world.store.read((tx) => tx.devices.get(device));
    expect(record).toMatchObject({ lastSession: up, lastAddress: '10.0.0.9' });
  });

  it('who asks for another address for it is an event as well, once a minute', async () => {
    const device = await world.provisioned(true);
    const up = await upAt(device);
    const refused = (to: string) => world.say(up, device, { type: 'nfs.refused', from: '10.0.0.9', to });
    await refused('10.0.0.66');
    await refused('10.0.0.66');
    await refused('10.0.0.67');
    world.now += 60_000;
    await refused('10.0.0.66');
    expect((await events(device)).map(({ data }) => [data['address'], data['impostorAddress']])).toEqual([
      ['10.0.0.9', '10.0.0.66'],
      ['10.0.0.9', '10.0.0.67'],
      ['10.0.0.9', '10.0.0.66'],
    ]);
    expect(await world.session(up)).toMatchObject({ outcome: 'up' });
  });
});

describe('a session that the boot plane does not know', () => {
  it('is exchanged only if it is the last one of its device', async () => {
    const device = await world.provisioned(true);
    const { backend } = world.service;
    const key = await backend.bootKey();
    const exchange = (session: string, digit: string) =>
      backend.exchange({ session, secret: secretOf(key, session), nonce: digit.repeat(32), address: '10.0.0.9' });
    const first = await world.open(device);
    expect(await exchange(first, 'a')).toMatchObject({ kind: 'granted' });
    expect(await backend.identify(wire)).toMatchObject({ session: { id: first, exchanged: true } });
    world.now += 1_000;
    const second = await world.open(device);
    expect(await exchange(first, 'a')).toEqual({ kind: 'refused', reason: 'over' });
    expect(await backend.identify(wire)).toMatchObject({ session: { id: second, exchanged: false } });
    world.now += 1_000;
    const third = await world.open(device);
    expect(await exchange(second, 'b')).toEqual({ kind: 'refused', reason: 'over' });
    expect(await exchange(third, 'c')).toMatchObject({ kind: 'granted' });
    // One that it knows goes on beside it.
    const opened = { id: first, device, wire, generation: 1, openedAt: world.now };
    const nonce = 'a'.repeat(32);
    const known = { session: first, secret: secretOf(key, first), nonce, address: '10.0.0.9', opened };
    expect(await backend.exchange(known)).toMatchObject({ kind: 'granted' });
  });
});

describe('watching timelines', () => {
  const follow = async (
    count: number,
    resume: string | undefined,
    query: { device?: string; session?: string },
    act: () => Promise<unknown>,
  ) => {
    const ending = new AbortController();
    const watched = await world.service.sessions.watch(admin, { ...query, resume }, ending.signal);
    if (!watched.ok) throw new Error(watched.detail);
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { id } of watched.value) {
        seen.push(id);
        if (seen.length === count) ending.abort();
      }
    })();
    await new Promise((resolve) => setTimeout(resolve, 50));
    await act();
    await Promise.race([reading, new Promise((resolve) => setTimeout(resolve, 2_000))]);
    ending.abort();
    await reading;
    return seen;
  };

  it('brings what was missed and then what happens, each once', async () => {
    const device = await world.provisioned(true);
    const id = await world.open(device);
    await world.say(id, device, down, down, down);
    const seen = await follow(4, `${id}:2`, { device }, () => world.say(id, device, down, report('up', 'ok')));
    expect(seen).toEqual([3, 4, 5, 6].map((seq) => `${id}:${seq}`));
    const whole = await follow(7, undefined, { session: id }, async () => undefined);
    expect(whole).toEqual([1, 2, 3, 4, 5, 6, 7].map((seq) => `${id}:${seq}`));
  });

  it('is for those who see the device', async () => {
    const device = await world.provisioned(true);
    const id = await world.open(device);
    const stranger = { ...admin, tenant: world.ids.next('ten'), role: 'reader' as const };
    expect(await world.service.sessions.get(stranger, id)).toMatchObject({ ok: false, code: 'session.not-found' });
    expect(await world.service.sessions.watch(stranger, { session: id }, signal)).toMatchObject({ ok: false });
    expect(await world.service.sessions.get(admin, id)).toMatchObject({ ok: true, value: { id, device } });
  });
});

describe('what makes a board itself', () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'drv-boot-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  it('is made once, in keys that OpenSSH reads and writes back alike', async () => {
    const device = await world.device();
    const maker = createDeviceSecrets({ store: world.store, ids: world.ids, log: silentLog });
    const [made, again] = await Promise.all([maker.ensure(device, 'pi-1'), maker.ensure(device, 'pi-1')]);
    expect(again).toEqual(made);
    expect(await maker.ensure(device, 'another-name')).toEqual(made);
    expect(made.machineId).toMatch(/^[0-9a-f]{32}$/);
    const names = Object.keys(made.sshHostKeys).filter((name) => !name.endsWith('.pub'));
    expect(names).toEqual(['ssh_host_ed25519_key', 'ssh_host_ecdsa_key', 'ssh_host_rsa_key']);
    for (const name of names) {
      const path = join(folder, name);
      await writeFile(path, made.sshHostKeys[name]!, { mode: 0o600 });
      const { stdout } = await run('ssh-keygen', ['-y', '-f', path]);
      expect(stdout.trim()).toBe(made.sshHostKeys[`${name}.pub`]!.trim());
    }
    const { stdout: listed } = await run('ssh-keygen', ['-l', '-f', join(folder, 'ssh_host_rsa_key')]);
    expect(listed).toMatch(/^3072 /);
  });

  it('comes to the board as an archive that tar unpacks as it should', async () => {
    const long = `srv/${'a'.repeat(95)}/${'ö'.repeat(40)}`;
    const archive = identityTar(
      identityFiles({
        hostname: 'pi-1',
        machineId: '0'.repeat(32),
        sshHostKeys: { ssh_host_rsa_key: 'k'.repeat(3000), 'ssh_host_rsa_key.pub': 'p\n' },
      }),
      [
        { path: 'etc/app/key', mode: 0o4750, uid: 33, gid: 0, bytes: Buffer.from([0, 255, 10]) },
        { path: long, mode: 0o644, uid: 0, gid: 1000, bytes: new Uint8Array() },
      ],
    );
    const path = join(folder, 'identity.tar');
    await writeFile(path, archive);
    const { stdout } = await run('tar', ['--numeric-owner', '--quoting-style=literal', '-tvf', path]);
    const lines = stdout.trim().split('\n');
    const listed = lines.map((line) => line.replace(/\s+/g, ' ').split(' '));
    expect(listed.map(([mode, owner, size, , , name]) => [mode, owner, size, name])).toEqual([
      ['drwxr-xr-x', '0/0', '0', 'etc/ssh/'],
      ['-rw-r--r--', '0/0', '5', 'etc/hostname'],
      ['-r--r--r--', '0/0', '33', 'etc/machine-id'],
      ['-rw-------', '0/0', '3000', 'etc/ssh/ssh_host_rsa_key'],
      ['-rw-r--r--', '0/0', '2', 'etc/ssh/ssh_host_rsa_key.pub'],
      ['-rwsr-x---', '33/0', '3', 'etc/app/key'],
      ['-rw-r--r--', '0/1000', '0', long],
    ]);
    const { stdout: busybox } = await run('busybox', ['tar', '-tf', path]);
    expect(busybox.trim().split('\n')).toHaveLength(7);
  });
});
