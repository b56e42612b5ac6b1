import { copyFile, mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { AssignmentTarget, Device, Disk } from '@drover/contract';
import { adapters } from './support/databases.js';
import { imageDigest, imageSize, openDiskWorld, type DiskWorld } from './support/disk-world.js';
import { makeFleet, who } from './support/fleet.js';
import { temporaryFolder } from './support/folders.js';
import { valueOf } from './support/importer.js';
import { anImage } from './support/records.js';
import { testIds } from './support/world.js';

const MiB = 1 << 20;
const folder = temporaryFolder();
const admin = who(null);
const worlds: DiskWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

const wish = (change: Partial<AssignmentTarget> = {}): AssignmentTarget => ({
  ...{ image: 'os:1', rootMode: 'nbd', kernelParameters: '' },
  ...change,
});

describe.each(adapters())('disks that boards run from, with $name', ({ create }) => {
  const open = async (digest = imageDigest): Promise<DiskWorld> => {
    const world = await openDiskWorld(await (await create()).open(), join(folder, testIds.randomHex(6)));
    worlds.push(world);
    const { store, tenant } = world;
    const known = anImage({ tenant, name: 'os', version: '1', digest, size: imageSize });
    const facts = known.facts === null ? null : { ...known.facts, rootModes: ['ram', 'nbd', 'stream'] as const };
    await store.transaction(async (tx) => {
      await tx.blobs.record({ digest, size: imageSize }, '2026-01-01T00:00:00.000Z');
      await tx.images.insert({
        ...known,
        facts: facts === null ? null : { ...facts, rootModes: [...facts.rootModes] },
      });
    });
    await makeFleet(store, tenant, 2);
    return world;
  };
  const deviceIn = async ({ store }: DiskWorld, { id }: Device) => (await store.read((tx) => tx.devices.get(id)))!;
  const disksOf = async ({ disks }: DiskWorld): Promise<readonly Disk[]> =>
    (await disks.list(admin, { limit: 100 })).items;
  const becomes = (world: DiskWorld, device: Device, state: Device['state']) =>
    expect.poll(async () => (await deviceIn(world, device)).state).toBe(state);
  const running = async (change: Partial<AssignmentTarget> = {}): Promise<{ world: DiskWorld; device: Device }> => {
    const world = await open();
    await world.startControl();
    await world.startBoot();
    const device = valueOf(await world.provisioning.provision(admin, { ...wish(change), device: 'pi-0' }));
    await becomes(world, device, 'in-use');
    return { world, device };
  };

  it('are made when a device is given an image, which waits for its own and for no other', async () => {
    const world = await open();
    const first = valueOf(await world.provisioning.provision(admin, { ...wish(), device: 'pi-0' }));
    expect(first).toMatchObject({ state: 'preparing', assignment: { rootMode: 'nbd' } });
    expect(first.stateReason).toMatch(/^its disk over os:1 is being made \(job_/);
    const [disk] = await disksOf(world);
    expect(disk).toMatchObject({ id: first.assignment?.disk, role: 'root', device: first.id, size: imageSize });
    expect(disk?.state).toBe('creating');
    await world.startControl();
    await world.startBoot();
    await becomes(world, first, 'in-use');
    expect(await world.pool.facts(disk?.id ?? '')).toMatchObject({ base: imageDigest });
    const events = await world.store.read((tx) => tx.events.list({ after: 0, limit: 50 }));
    expect(events.filter(({ subject }) => subject === first.id).map(({ type }) => type)).toEqual([
      'device.provisioned',
      'device.ready',
    ]);
  });

  it('are as large as was asked for', async () => {
    const { world } = await running({ diskSize: 64 * MiB });
    expect((await disksOf(world))[0]).toMatchObject({ size: 64 * MiB, state: 'ready' });
    // The image here is noise: that its table was looked at is what the job tells.
    // The job ends a moment after the disk is noted as ready.
    const result = async () => (await world.jobs.list(admin, { kind: 'disk.create', limit: 1 })) as unknown;
    await expect
      .poll(result)
      .toMatchObject({ value: { items: [{ result: { growth: { kind: 'blocked', partition: 2 } } }] } });
  });

  it('go with the release, also when a snapshot was taken', async () => {
    const { world, device } = await running();
    const [disk] = await disksOf(world);
    const taken = valueOf(await world.disks.takeSnapshot(admin, disk?.id ?? '', { name: 'before' }));
    await expect.poll(async () => (await disksOf(world))[0]?.job).toBeNull();
    expect(taken.disk).toBe(disk?.id);
    expect(valueOf(await world.provisioning.release(admin, device.id))).toMatchObject({ state: 'available' });
    await expect.poll(() => disksOf(world)).toEqual([]);
    expect(await world.pool.list()).toEqual([]);
  });

  it('go also when the release comes while they are being made', async () => {
    const world = await open();
    const device = valueOf(await world.provisioning.provision(admin, { ...wish(), device: 'pi-0' }));
    valueOf(await world.provisioning.release(admin, device.id));
    expect((await disksOf(world))[0]).toMatchObject({ state: 'deleting', device: null });
    await world.startControl();
    await world.startBoot();
    await expect.poll(() => disksOf(world)).toEqual([]);
    expect(await world.pool.list()).toEqual([]);
    expect((await deviceIn(world, device)).state).toBe('available');
  });

  it('stay when the device is given another image, until it has booted that', async () => {
    const { world, device } = await running();
    const [old] = await disksOf(world);
    const again = valueOf(await world.provisioning.reimage(admin, device.id, wish()));
    await becomes(world, device, 'in-use');
    expect((await disksOf(world)).map(({ id }) => id)).toContain(old?.id);
    const { disk: now = null } = again.assignment ?? {};
    await world.store.transaction((tx) => world.rootDisks.retire(tx, device.id, now));
    await expect.poll(async () => (await disksOf(world)).map(({ id }) => id)).toEqual([now]);
  });

  it('count as disks of their tenant: beyond its quota nothing is assigned', async () => {
    const world = await open();
    await world.store.transaction((tx) =>
      tx.tenants.setQuota(world.tenant, { disks: 0, diskBytes: null, backupBytes: null }),
    );
    const refused = await world.provisioning
      .provision(admin, { ...wish(), device: 'pi-0' })
      .catch((error: unknown) => error);
    expect(refused).toMatchObject({ refusal: { code: 'quota.exceeded' } });
    const [device] = await world.store.read((tx) => tx.devices.resolve('pi-0', undefined));
    expect(device).toMatchObject({ state: 'available', assignment: null });
    expect(await disksOf(world)).toEqual([]);
  });

  it('cannot be deleted by hand while a device has them', async () => {
    const { world } = await running();
    const [disk] = await disksOf(world);
    expect(await world.disks.remove(admin, disk?.id ?? '', false)).toMatchObject({ ok: false, code: 'disk.in-use' });
  });

  it('that cannot be made fail their device, with the reason', async () => {
    const world = await open('cd'.repeat(32));
    await world.startControl();
    await world.startBoot();
    const device = valueOf(await world.provisioning.provision(admin, { ...wish(), device: 'pi-0' }));
    await becomes(world, device, 'failed');
    expect((await deviceIn(world, device)).stateReason).toMatch(/^its disk cannot be made: /);
    valueOf(await world.provisioning.release(admin, device.id));
    expect((await deviceIn(world, device)).state).toBe('available');
  });

  it('are made when that is tried again, and their device goes on', async () => {
    const digest = 'cd'.repeat(32);
    const world = await open(digest);
    await world.startControl();
    await world.startBoot();
    const device = valueOf(await world.provisioning.provision(admin, { ...wish(), device: 'pi-0' }));
    await becomes(world, device, 'failed');
    const { items } = await world.store.read((tx) => tx.jobs.list({ kind: 'disk.create' }, { limit: 10 }));
    const failed = items[0]?.id ?? '';
    const path = world.blobs.localPath(digest) ?? '';
    await mkdir(dirname(path), { recursive: true });
    await copyFile(join(world.folder, 'image'), path);
    valueOf(await world.jobs.retry(admin, failed));
    await becomes(world, device, 'in-use');
    expect(await disksOf(world)).toMatchObject([{ role: 'root', state: 'ready', stateReason: null }]);
  });

  it('are not needed to stream an image whose root needs its journal: that is packed first', async () => {
    const world = await open();
    await world.store.transaction(async (tx) => {
      const image = await tx.images.find(world.tenant, 'os', '1');
      if (image?.facts == null) throw new Error('no image');
      await tx.images.update(image.id, image.revision, { facts: { ...image.facts, rootNeedsRecovery: true } });
    });
    const wanted = { ...wish({ rootMode: 'stream' }), device: 'pi-0' };
    const device = valueOf(await world.provisioning.provision(admin, wanted));
    expect(device).toMatchObject({ state: 'preparing', assignment: { rootMode: 'stream', disk: null } });
    expect(device.stateReason).toMatch(/^the root of os:1 is being made \(job_/);
  });

  it('are not needed to stream an image', async () => {
    const world = await open();
    const device = valueOf(
      await world.provisioning.provision(admin, { ...wish({ rootMode: 'stream' }), device: 'pi-0' }),
    );
    expect(device).toMatchObject({ state: 'in-use', assignment: { rootMode: 'stream', disk: null } });
    expect(await disksOf(world)).toEqual([]);
  });
});
