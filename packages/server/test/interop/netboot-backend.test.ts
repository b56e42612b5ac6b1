import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BackendError,
  createBackendClient,
  createBackendServer,
  type BackendClient,
} from '../../src/adapters/backend/index.js';
import type { BootBackend, Telemetry } from '../../src/app/boot/ports.js';
import { secretOf } from '../../src/domain/boot-credential.js';
import { silentLog } from '../boot/log.js';
import { run } from './netboot-lab.js';
import { down, wire, World } from './netboot-world.js';

const signal = new AbortController().signal;
let world: World;
beforeEach(async () => {
  world = new World();
  await world.start();
});
afterEach(() => world.stop());

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
    expect(granted).toMatchObject({ kind: 'granted', root: { mode: 'ram', digest: 'd'.repeat(64), size: 10 } });
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
