import { describe, expect, it } from 'vitest';
import type { TimelineEntry } from '@drover/contract';
import type { Store } from '../../src/app/store/ports.js';
import { adapters } from './support/databases.js';
import { makeTenant } from './support/fleet.js';
import { aDevice, aJob, anImage, aSession, at, someTime } from './support/records.js';
import { testIds } from './support/world.js';

const assignmentOf = (image: { id: string }) => ({
  image: image.id,
  imageName: 'debian:12',
  disk: null,
  rootMode: 'ram' as const,
  kernelParameters: 'quiet',
  generation: 7,
  assignedAt: someTime,
  leaseUntil: null,
});

describe.each(adapters())('images on $name', ({ create }) => {
  it('come back as they went in', async () => {
    const store = await (await create()).open();
    const image = anImage({ stateReason: null, job: testIds.next('job') });
    expect(await store.transaction((tx) => tx.images.insert(image))).toBe(true);
    expect(await store.read((tx) => tx.images.get(image.id))).toEqual(image);
  });

  it('have one name:version in each tenant, and one among the shared', async () => {
    const store = await (await create()).open();
    const [a, b] = [await makeTenant(store, 'a'), await makeTenant(store, 'b')];
    const insert = (tenant: string | null) =>
      store.transaction((tx) => tx.images.insert(anImage({ tenant, name: 'os', version: '1' })));
    expect([await insert(a), await insert(a), await insert(b), await insert(null), await insert(null)]).toEqual([
      true,
      false,
      true,
      true,
      false,
    ]);
  });

  it('are found in the own tenant first, the newest that is ready without a version', async () => {
    const store = await (await create()).open();
    const [a, b] = [await makeTenant(store, 'a'), await makeTenant(store, 'b')];
    const images = {
      shared: anImage({ tenant: null, name: 'os', version: '3', createdAt: at(9) }),
      old: anImage({ tenant: a, name: 'os', version: '1', createdAt: at(1) }),
      young: anImage({ tenant: a, name: 'os', version: '2', createdAt: at(2) }),
      coming: anImage({ tenant: a, name: 'os', version: '4', createdAt: at(3), state: 'importing' }),
    };
    await store.transaction(async (tx) => {
      for (const image of Object.values(images)) await tx.images.insert(image);
    });
    const find = async (tenant: string | null, version?: string) =>
      (await store.read((tx) => tx.images.find(tenant, 'os', version)))?.id;
    expect(await find(a)).toBe(images.young.id);
    expect(await find(b)).toBe(images.shared.id);
    expect(await find(a, '3')).toBe(images.shared.id);
    expect(await find(a, '4')).toBe(images.coming.id);
    expect(await find(b, '1')).toBeUndefined();
    expect(await find(null, '1')).toBe(images.old.id);
    const list = async (filter: object) =>
      (await store.read((tx) => tx.images.list(filter, { limit: 10 }))).items.map((image) => image.version);
    expect(await list({ tenant: a })).toEqual(['3', '4', '2', '1']);
    expect(await list({ tenant: b })).toEqual(['3']);
    expect(await list({ tenant: null })).toEqual(['3']);
    expect(await list({ name: 'none' })).toEqual([]);
    expect(await list({})).toHaveLength(4);
  });

  it('change for whoever knows their revision, and go with what was derived', async () => {
    const store = await (await create()).open();
    const image = anImage({ state: 'importing', digest: null, facts: null });
    await store.transaction((tx) => tx.images.insert(image));
    const update = (revision: number) =>
      store.transaction((tx) =>
        tx.images.update(image.id, revision, { state: 'ready', stateReason: 'x', updatedAt: at(1) }),
      );
    expect([await update(1), await update(1)]).toEqual([true, false]);
    expect(await store.read((tx) => tx.images.get(image.id))).toMatchObject({
      revision: 2,
      state: 'ready',
      digest: null,
    });
    const derivative = (blob: string) => ({
      image: image.id,
      kind: 'initramfs' as const,
      variant: 'modules/arm64/6.1',
      blob,
      size: 5,
      recipe: 'r',
      createdAt: someTime,
    });
    await store.transaction(async (tx) => {
      await tx.images.saveDerivative(derivative('a'.repeat(64)));
      await tx.images.saveDerivative(derivative('b'.repeat(64)));
    });
    expect(await store.read((tx) => tx.images.derivatives(image.id))).toEqual([derivative('b'.repeat(64))]);
    expect(await store.read((tx) => tx.images.derivative(image.id, 'initramfs', 'other'))).toBeUndefined();
    expect(await store.read((tx) => tx.blobs.isReferenced('b'.repeat(64)))).toBe(true);
    expect(await store.read((tx) => tx.blobs.neededBy('b'.repeat(64)))).toEqual([`debian:${image.version}`]);
    await store.transaction((tx) => tx.images.delete(image.id));
    expect(await store.read((tx) => tx.blobs.isReferenced('b'.repeat(64)))).toBe(false);
  });

  it('name the devices that use them, and cannot go before those', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'a');
    const image = anImage();
    await store.transaction(async (tx) => {
      await tx.images.insert(image);
      for (const name of ['b', 'a']) {
        await tx.devices.insert(aDevice({ tenant, name, state: 'in-use', assignment: assignmentOf(image) }));
      }
    });
    expect(await store.read((tx) => tx.images.usedBy(image.id))).toEqual(['a', 'b']);
    await expect(store.transaction((tx) => tx.images.delete(image.id))).rejects.toThrow(/foreign key/i);
  });
});

describe.each(adapters())('records of devices on $name', ({ create }) => {
  it('come back as they went in, and change in any part', async () => {
    const store = await (await create()).open();
    const tenant = await makeTenant(store, 'a');
    const image = anImage();
    const device = aDevice({
      tenant,
      state: 'in-use',
      assignment: assignmentOf(image),
      labels: { 'drover/rack': 'a', slot: '' },
      identities: [{ kind: 'asset-tag', value: 'Inv 7' }],
      mac: 'dc:a6:32:00:00:01',
      upGeneration: 7,
      generation: 7,
    });
    await store.transaction(async (tx) => {
      await tx.images.insert(image);
      await tx.devices.insert(device);
    });
    expect(await store.read((tx) => tx.devices.get(device.id))).toEqual(device);
    const change = { assignment: null, labels: {}, state: 'available' as const, stateReason: 'x', upGeneration: null };
    expect(await store.transaction((tx) => tx.devices.update(device.id, 1, change))).toBe(true);
    expect(await store.transaction((tx) => tx.devices.update(device.id, 1, change))).toBe(false);
    expect(await store.read((tx) => tx.devices.get(device.id))).toEqual({ ...device, ...change, revision: 2 });
    await store.transaction((tx) => tx.devices.touch(device.id, { at: at(5), address: '10.0.0.1', session: 'bs_1' }));
    expect(await store.read((tx) => tx.devices.get(device.id))).toMatchObject({
      revision: 2,
      lastSeenAt: at(5),
      lastAddress: '10.0.0.1',
      lastSession: 'bs_1',
    });
  });

  it('share no identity within a site', async () => {
    const store = await (await create()).open();
    const mac = { kind: 'mac' as const, value: 'dc:a6:32:00:00:01' };
    const [a, b, far] = [aDevice({ identities: [mac] }), aDevice(), aDevice({ site: 'attic', identities: [mac] })];
    await store.transaction(async (tx) => {
      for (const device of [a, b, far]) await tx.devices.insert(device);
    });
    await store.transaction(async (tx) => {
      expect(await tx.devices.addIdentity(b.id, 'default', mac)).toEqual({ ok: false, heldBy: a.id });
      expect(await tx.devices.addIdentity(a.id, 'default', mac)).toEqual({ ok: true });
      await tx.devices.removeIdentity('default', mac);
      expect(await tx.devices.addIdentity(b.id, 'default', mac)).toEqual({ ok: true });
    });
    expect((await store.read((tx) => tx.devices.findByIdentity('default', 'mac', mac.value)))?.id).toBe(b.id);
    const taken = store.transaction((tx) => tx.devices.insert(aDevice({ identities: [mac] })));
    await expect(taken).rejects.toMatchObject({ refusal: { code: 'device.identity-conflict', conflicts: [b.id] } });
  });

  it('keep their secrets until they go', async () => {
    const store = await (await create()).open();
    const device = aDevice();
    const secrets = { machineId: 'a'.repeat(32), sshHostKeys: { ssh_host_rsa_key: '-----BEGIN\n"x"\n' } };
    await store.transaction(async (tx) => {
      await tx.devices.insert(device);
      await tx.devices.saveSecrets(device.id, { ...secrets, machineId: 'b'.repeat(32) });
      await tx.devices.saveSecrets(device.id, secrets);
    });
    expect(await store.read((tx) => tx.devices.secrets(device.id))).toEqual(secrets);
    await store.transaction((tx) => tx.devices.delete(device.id));
    expect(await store.read((tx) => tx.devices.secrets(device.id))).toBeUndefined();
  });
});

const report = (seconds: number, message = ''): TimelineEntry => ({
  type: 'report',
  at: at(seconds),
  step: 'start',
  state: 'ok',
  message,
});

describe.each(adapters())('boot sessions on $name', ({ create }) => {
  const begin = async (store: Store) => {
    const tenant = await makeTenant(store, 'a');
    const device = aDevice({ tenant, state: 'available' });
    await store.transaction((tx) => tx.devices.insert(device));
    return { tenant, device };
  };

  it('come back as they went in, inserted once', async () => {
    const store = await (await create()).open();
    const { device } = await begin(store);
    const verdict = { fault: 'f', message: 'm', remedy: 'r' };
    const session = aSession(device.id, {
      verdict,
      bytes: 2 ** 40,
      nonceHash: 'n',
      secretExpiresAt: 1_800_000_000_000,
    });
    await store.transaction(async (tx) => {
      await tx.sessions.insert(session);
      await tx.sessions.insert({ ...session, bytes: 0 });
    });
    expect(await store.read((tx) => tx.sessions.get(session.id))).toEqual(session);
    await store.transaction(async (tx) => {
      expect(await tx.sessions.getForUpdate(session.id)).toEqual(session);
      await tx.sessions.update(session.id, { outcome: 'up', upAt: at(9), verdict: null });
      await tx.sessions.update(session.id, {});
    });
    expect(await store.read((tx) => tx.sessions.get(session.id))).toEqual({
      ...session,
      outcome: 'up',
      upAt: at(9),
      verdict: null,
    });
  });

  it('and jobs are counted where they are under way', async () => {
    const store = await (await create()).open();
    const { device } = await begin(store);
    await store.transaction(async (tx) => {
      await tx.sessions.insert(aSession(device.id, { outcome: 'running' }));
      await tx.sessions.insert(aSession(device.id, { outcome: 'up' }));
      for (const state of ['queued', 'queued', 'running', 'failed'] as const) await tx.jobs.insert(aJob({ state }));
    });
    expect(await store.read((tx) => tx.sessions.countRunning())).toBe(1);
    expect(await store.read((tx) => tx.jobs.countUnfinished())).toEqual({ queued: 2, running: 1 });
  });

  it('number their entries without a gap, whoever appends', async () => {
    const database = await create();
    const servers = [await database.open(), await database.open()];
    const { device } = await begin(servers[0]!);
    const session = aSession(device.id);
    await servers[0]!.transaction((tx) => tx.sessions.insert(session));
    await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        servers[i % 2]!.transaction((tx) => tx.sessions.append(session.id, [report(i, `${i}a`), report(i, `${i}b`)])),
      ),
    );
    const items = await servers[0]!.read((tx) => tx.sessions.timeline(session.id, 0, 100));
    expect(items.map((item) => item.seq)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(await servers[0]!.read((tx) => tx.sessions.timeline(session.id, 38, 100))).toEqual(items.slice(38));
    expect(await servers[0]!.transaction((tx) => tx.sessions.append('bs_gone', [report(1)]))).toEqual([]);
    const odd = report(50, 'a \0 b \u{1F980}');
    await servers[0]!.transaction((tx) => tx.sessions.append(session.id, [odd]));
    expect((await servers[0]!.read((tx) => tx.sessions.timeline(session.id, 40, 1)))[0]?.entry).toEqual(odd);
  });

  it('are listed, counted and found silent', async () => {
    const store = await (await create()).open();
    const { tenant, device } = await begin(store);
    const other = aDevice();
    const sessions = [
      aSession(device.id, { startedAt: at(1), outcome: 'up', upAt: at(2) }),
      aSession(device.id, { startedAt: at(3), outcome: 'failed' }),
      aSession(device.id, { startedAt: at(5) }),
      aSession(other.id, { startedAt: at(4) }),
    ];
    await store.transaction(async (tx) => {
      await tx.devices.insert(other);
      for (const session of sessions) await tx.sessions.insert(session);
      await tx.sessions.append(sessions[2]!.id, [report(60)]);
    });
    const list = async (filter: object) =>
      (await store.read((tx) => tx.sessions.list(filter, { limit: 10 }))).items.map((session) => session.startedAt);
    expect(await list({})).toEqual([at(5), at(4), at(3), at(1)]);
    expect(await list({ tenant })).toEqual([at(5), at(3), at(1)]);
    expect(await list({ tenant: null })).toEqual([at(4)]);
    expect(await list({ device: device.id, outcome: 'failed' })).toEqual([at(3)]);
    await store.read(async (tx) => {
      expect((await tx.sessions.latestOf(device.id))?.id).toBe(sessions[2]!.id);
      expect(await tx.sessions.countUnhealthy(device.id, at(3))).toBe(2);
      expect((await tx.sessions.silentSince(at(50), 10)).map((session) => session.id)).toEqual([sessions[3]!.id]);
    });
    expect(await store.transaction((tx) => tx.sessions.prune(at(4)))).toBe(2);
    expect(await list({})).toEqual([at(5), at(4)]);
  });

  it('know a batch they saw, and the leases of a site', async () => {
    const store = await (await create()).open();
    const note = () => store.transaction((tx) => tx.sessions.noteBatch('b1', someTime));
    expect([await note(), await note()]).toEqual([true, false]);
    const lease = {
      site: 'default',
      clientId: '01aa',
      mac: 'dc:a6:32:00:00:01',
      address: '10.0.0.5',
      expiresAt: 1_800_000_000_000,
      state: 'bound' as const,
    };
    await store.transaction(async (tx) => {
      await tx.sessions.saveLease({ ...lease, address: '10.0.0.4' });
      await tx.sessions.saveLease(lease);
      await tx.sessions.saveLease({ ...lease, site: 'attic' });
      await tx.sessions.saveLease({ ...lease, clientId: '01bb', address: '10.0.0.9' });
      await tx.sessions.saveLease({ ...lease, clientId: '01cc', address: '10.0.0.9' });
    });
    const stored = await store.read((tx) => tx.sessions.leases('default'));
    expect(stored).toEqual([lease, { ...lease, clientId: '01cc', address: '10.0.0.9' }]);
  });
});

describe.each(adapters())('uploads and settings on $name', ({ create }) => {
  it('come back as they went in', async () => {
    const store = await (await create()).open();
    const upload = {
      id: testIds.next('upl'),
      tenant: testIds.next('ten'),
      filename: 'Bild "ä".img',
      size: null,
      offset: 0,
      complete: false,
      expiresAt: at(10),
      createdAt: someTime,
      image: null,
    };
    await store.transaction((tx) => tx.uploads.insert(upload));
    await store.transaction((tx) => tx.uploads.update(upload.id, { offset: 2 ** 41, size: 2 ** 42 }));
    await store.transaction((tx) => tx.uploads.update(upload.id, { complete: true }));
    await store.transaction((tx) => tx.uploads.update(upload.id, {}));
    const changed = { ...upload, offset: 2 ** 41, size: 2 ** 42, complete: true };
    expect(await store.read((tx) => tx.uploads.get(upload.id))).toEqual(changed);
    expect(await store.read((tx) => tx.uploads.expired(at(11)))).toEqual([changed]);
    expect(await store.read((tx) => tx.uploads.expired(at(10)))).toEqual([]);
    await store.transaction((tx) => tx.uploads.update(upload.id, { image: testIds.next('img') }));
    expect(await store.read((tx) => tx.uploads.expired(at(11)))).toEqual([]);
    await store.transaction((tx) => tx.uploads.delete(upload.id));
    expect(await store.read((tx) => tx.uploads.get(upload.id))).toBeUndefined();
  });

  it('are made once', async () => {
    const database = await create();
    const servers = [await database.open(), await database.open()];
    const made = await Promise.all(
      Array.from({ length: 10 }, (_, i) =>
        servers[i % 2]!.transaction((tx) => tx.settings.putIfAbsent('boot-key', `key ${i}`)),
      ),
    );
    expect(new Set(made).size).toBe(1);
    expect(await servers[0]!.read((tx) => tx.settings.get('other'))).toBeUndefined();
  });
});
