import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Assignment, TimelineEntry } from '@drover/contract';
import {
  BackendError,
  createBackendClient,
  createBackendServer,
  type BackendClient,
} from '../../src/adapters/backend/index.js';
import { createSqlStore, type SqlStore } from '../../src/adapters/sql/index.js';
import { createIds } from '../../src/adapters/system/index.js';
import { createDeviceSecrets } from '../../src/app/boot/device-secrets.js';
import { createTimelineFeed } from '../../src/app/boot/feed.js';
import type { BootBackend, Telemetry, WireIdentity } from '../../src/app/boot/ports.js';
import { createBootService, type BootService } from '../../src/app/boot/service.js';
import { createDiscovery } from '../../src/app/devices/discovery.js';
import { secretOf } from '../../src/domain/boot-credential.js';
import { silentLog } from '../boot/log.js';
import { admin, run } from './netboot-lab.js';

const wire: WireIdentity = {
  site: 'default',
  mac: 'dc:a6:32:01:02:03',
  bootPrefix: '91cdf03d',
  firmware: 'ee',
  model: 'pi4',
  isPi: true,
};
const signal = new AbortController().signal;

/** The service over a real database, with a clock of the test's. */
class World {
  now = Date.UTC(2026, 0, 1);
  readonly clock = { now: () => this.now };
  readonly ids = createIds({ clock: this.clock });
  folder = '';
  store!: SqlStore;
  service!: BootService;
  readonly told: string[] = [];

  async start(): Promise<void> {
    this.folder = await mkdtemp(join(tmpdir(), 'drv-boot-'));
    this.store = await createSqlStore({ file: join(this.folder, 'db.sqlite'), log: silentLog, pollMs: 1000 });
    const discovery = createDiscovery({ store: this.store, clock: this.clock, ids: this.ids, log: silentLog });
    const feed = createTimelineFeed(() => undefined);
    feed.subscribe((session, _device, _tenant, items) => {
      for (const { seq, entry } of items) this.told.push(`${session}:${seq} ${entry.type}`);
    });
    const { store, clock, ids } = this;
    const noBlobs = { stat: async () => undefined, read: async () => new Uint8Array() };
    this.service = createBootService({
      ...{ store, clock, ids, feed },
      log: silentLog,
      blobs: noBlobs,
      registerSeen: (seen) => discovery.registerSeen(seen, { autoAdopt: null, discoveredLimit: 100 }),
      learnSerial: (device, serial) => discovery.learnSerial(device, serial),
      settings: { site: 'default', dhcpMode: 'proxy', sessionTtlSeconds: 600, retentionDays: 30 },
      secrets: createDeviceSecrets({
        ...{ store, ids },
        log: silentLog,
        generate: async () => ({ kty: 'OKP', crv: 'Ed25519', x: 'eA', d: 'ZA' }),
      }),
    });
  }

  async stop(): Promise<void> {
    await this.store.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  at = (): string => new Date(this.now).toISOString();
  entry = (entry: Record<string, unknown>): TimelineEntry => ({ at: this.at(), ...entry }) as TimelineEntry;

  async device(): Promise<string> {
    const answer = await this.service.backend.identify(wire);
    if (answer.kind === 'ignore') throw new Error(answer.reason);
    return answer.device.id;
  }

  /** As the boot plane opens one. */
  async open(device: string, generation: number | null = 1): Promise<string> {
    const id = this.ids.next('bs');
    await this.tell([{ kind: 'opened', opened: { id, device, wire, generation, openedAt: this.now } }]);
    return id;
  }

  tell = (items: Telemetry[], batch = this.ids.randomHex(8)) => this.service.backend.telemetry(batch, items);
  say = (session: string, device: string, ...entries: Record<string, unknown>[]) =>
    this.tell(entries.map((entry) => ({ kind: 'entry', session, device, entry: this.entry(entry) })));
  session = (id: string) => this.store.read((tx) => tx.sessions.get(id));

  /** A device of a tenant with an image; `root`: packed already. */
  async provisioned(root: boolean): Promise<string> {
    const device = await this.device();
    const image = this.ids.next('img');
    const blob = (letter: string) => letter.repeat(64);
    await this.store.transaction(async (tx) => {
      const at = this.at();
      const tenant = this.ids.next('ten');
      await tx.tenants.insert({ id: tenant, name: `t${this.ids.randomHex(4)}`, createdAt: at });
      for (const letter of ['a', 'b', 'c', 'd']) await tx.blobs.record({ digest: blob(letter), size: 10 }, at);
      const common = { tenant: null, name: 'x', stateReason: null, facts: null, job: null, source: {} };
      await tx.images.insert({
        id: image,
        ...common,
        version: image,
        state: 'ready',
        digest: blob('a'),
        size: 10,
        createdAt: at,
        updatedAt: at,
        revision: 1,
      });
      const made = { image, size: 10, recipe: '1', createdAt: at };
      await tx.images.saveDerivative({ ...made, kind: 'boot-tree', variant: 'boot-tree', blob: blob('b') });
      await tx.images.saveDerivative({ ...made, kind: 'initramfs', variant: 'common/arm64', blob: blob('c') });
      if (root) await tx.images.saveDerivative({ ...made, kind: 'root-squashfs', variant: 'xz', blob: blob('d') });
      const assignment: Assignment = {
        image,
        imageName: 'x:1',
        rootMode: 'ram',
        kernelParameters: '',
        generation: 1,
        assignedAt: at,
      };
      const record = (await tx.devices.get(device))!;
      await tx.devices.update(device, record.revision, { tenant, state: 'in-use', assignment, generation: 1 });
    });
    return device;
  }
}

let world: World;
beforeEach(async () => {
  world = new World();
  await world.start();
});
afterEach(() => world.stop());

const down = {
  type: 'tftp.file',
  path: 'p/kernel8.img',
  bytes: 100,
  ms: 5,
  outcome: 'complete',
  blockSize: 1024,
  windowSize: 1,
  retransmits: 0,
};
const report = (step: string, state: string, message = '') => ({ type: 'report', step, state, message });

describe.each(['directly', 'through the socket'])('the boot backend, called %s', (way) => {
  let client: BackendClient | undefined;
  let server: ReturnType<typeof createBackendServer> | undefined;
  let backend: BootBackend;
  beforeEach(async () => {
    if (way === 'directly') {
      backend = world.service.backend;
      return;
    }
    const path = join(world.folder, 'run', 'b.sock');
    server = createBackendServer({ backend: world.service.backend, path, log: silentLog });
    await server.start(signal);
    client = createBackendClient(path);
    backend = client;
  });
  afterEach(async () => {
    client?.close();
    await server?.stop();
  });

  it('has one key for good', async () => {
    expect(await backend.bootKey()).toMatch(/^[0-9a-f]{64}$/);
    expect(await backend.bootKey()).toBe(await world.service.backend.bootKey());
  });

  it('discovers a Pi, and ignores what is none', async () => {
    const answer = await backend.identify(wire);
    expect(answer).toMatchObject({
      kind: 'nothing',
      reason: 'it is not adopted',
      session: null,
      device: { mac: wire.mac, model: 'pi4' },
    });
    const stranger = await backend.identify({
      site: 'default',
      mac: '52:54:00:00:00:01',
      firmware: 'edk2',
      isPi: false,
    });
    expect(stranger.kind).toBe('ignore');
  });

  it('plans the boot of a board that has an image', async () => {
    await world.provisioned(true);
    expect(await backend.identify(wire)).toMatchObject({
      kind: 'boot',
      plan: {
        generation: 1,
        tree: 'b'.repeat(64),
        rootMode: 'ram',
        initramfs: [{ kind: 'common', architecture: 'arm64' }],
      },
    });
  });

  it('tells two boards with one prefix apart by serving neither', async () => {
    await backend.identify(wire);
    expect(await backend.identify({ ...wire, mac: 'dc:a6:32:99:99:99' })).toMatchObject({ kind: 'ignore' });
  });

  it('takes a batch once, however often it comes', async () => {
    const device = await world.device();
    const id = world.ids.next('bs');
    const items: Telemetry[] = [
      { kind: 'opened', opened: { id, device, wire, generation: 1, openedAt: world.now } },
      { kind: 'entry', session: id, device, entry: world.entry(down) },
    ];
    for (let i = 0; i < 3; i += 1) expect(await backend.telemetry('one', items)).toEqual({ revoked: [] });
    expect(await world.session(id)).toMatchObject({ stage: 'kernel', outcome: 'running', bytes: 100 });
    const timeline = await world.store.read((tx) => tx.sessions.timeline(id, 0, 10));
    expect(timeline.map(({ entry }) => entry.type)).toEqual(['session.opened', 'tftp.file']);
    expect(world.told).toEqual([`${id}:1 session.opened`, `${id}:2 tftp.file`]);
  });

  it('knows the session that is under way', async () => {
    const device = await world.device();
    const id = await world.open(device, null);
    const answer = await backend.identify(wire);
    expect(answer).toMatchObject({
      session: { id, openedAt: world.now, generation: null, outcome: 'running', stage: 'dhcp' },
    });
  });

  it('exchanges the secret, with what makes the board itself', async () => {
    const device = await world.provisioned(true);
    const id = await world.open(device);
    const key = await backend.bootKey();
    const request = {
      session: id,
      secret: secretOf(key, id),
      nonce: 'a'.repeat(32),
      address: '10.0.0.9',
      serial: '1000000091cdf03d',
    };
    const granted = await backend.exchange(request);
    expect(granted).toMatchObject({ kind: 'granted', rootMode: 'ram', root: { digest: 'd'.repeat(64), size: 10 } });
    expect(await backend.exchange(request)).toEqual(granted);
    const record = await world.store.read((tx) => tx.devices.get(device));
    expect(record?.serial).toBe('1000000091cdf03d');
    expect(await backend.exchange({ ...request, secret: '0'.repeat(32) })).toEqual({
      kind: 'refused',
      reason: 'wrong',
    });
    expect(await backend.exchange({ ...request, nonce: 'b'.repeat(32) })).toEqual({
      kind: 'refused',
      reason: 'used-twice',
    });
    expect((await world.say(id, device, down)).revoked).toEqual([id]);
  });

  it('exchanges the secret of a session it has not heard of yet', async () => {
    const device = await world.provisioned(true);
    const id = world.ids.next('bs');
    const secret = secretOf(await backend.bootKey(), id);
    const request = { session: id, secret, nonce: 'a'.repeat(32), address: '10.0.0.9' };
    expect(await backend.exchange(request)).toEqual({ kind: 'refused', reason: 'wrong' });
    const opened = { id, device, wire, generation: 1, openedAt: world.now };
    expect(await backend.exchange({ ...request, opened })).toMatchObject({ kind: 'granted' });
  });

  it('keeps leases', async () => {
    const lease = {
      site: 'default',
      clientId: 'dc:a6:32:01:02:03',
      mac: 'dc:a6:32:01:02:03',
      address: '10.0.0.9',
      expiresAt: 5000,
      state: 'bound',
    } as const;
    await backend.saveLease(lease);
    await backend.saveLease({ ...lease, expiresAt: 6000 });
    expect(await backend.leases('default')).toEqual([{ ...lease, expiresAt: 6000 }]);
    expect(await backend.leases('other')).toEqual([]);
  });
});

describe('the socket between the planes', () => {
  it('refuses what is malformed, and survives it', async () => {
    const path = join(world.folder, 'run', 'b.sock');
    const server = createBackendServer({ backend: world.service.backend, path, log: silentLog });
    await server.start(signal);
    const client = createBackendClient(path);
    const bad = { ...wire, mac: 'nonsense' };
    await expect(client.identify(bad)).rejects.toMatchObject({ kind: 'refused' });
    await expect(client.tree('nope')).rejects.toBeInstanceOf(BackendError);
    const device = await world.device();
    const id = world.ids.next('bs');
    const nonsense = {
      kind: 'entry',
      session: id,
      device,
      entry: { type: 'no such type', at: 'never' },
    } as unknown as Telemetry;
    await client.telemetry('mixed', [
      nonsense,
      { kind: 'opened', opened: { id, device, wire, generation: null, openedAt: world.now } },
    ]);
    expect(await world.session(id)).toBeDefined();
    client.close();
    await server.stop();
    await expect(client.bootKey()).rejects.toMatchObject({ kind: 'away' });
  });

  it('is for this user alone, and replaces what a killed server left', async () => {
    const path = join(world.folder, 'b.sock');
    await writeFile(path, 'left behind');
    const server = createBackendServer({ backend: world.service.backend, path, log: silentLog });
    await server.start(signal);
    const { stdout } = await run('stat', ['-c', '%a %F', path]);
    expect(stdout.trim()).toBe('600 socket');
    await server.stop();
    const long = createBackendServer({
      backend: world.service.backend,
      path: `/tmp/${'x'.repeat(120)}/b.sock`,
      log: silentLog,
    });
    await expect(long.start(signal)).rejects.toThrow('too long');
  });

  it('gives up a control plane that does not answer', async () => {
    const path = join(world.folder, 'b.sock');
    const mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(path, resolve));
    const client = createBackendClient(path, { limits: { identify: 100 } });
    await expect(client.identify(wire)).rejects.toMatchObject({ kind: 'away' });
    client.close();
    mute.closeAllConnections();
    await new Promise<void>((resolve) => mute.close(() => resolve()));
  });
});

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
});
