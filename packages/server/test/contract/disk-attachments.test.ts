import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { refusal, RefusedError, type Device, type Disk } from '@drover/contract';
import { adapters } from './support/databases.js';
import { imageDigest, imageSize, openDiskWorld, type DiskWorld } from './support/disk-world.js';
import { makeFleet, makeTenant, who } from './support/fleet.js';
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

describe.each(adapters())('disks of devices, with $name', ({ create }) => {
  /** Three devices; two of them run an image whose kernels can attach disks. */
  const open = async (rootModes: ('ram' | 'nbd' | 'stream')[] = ['ram', 'stream']) => {
    const world = await openDiskWorld(await (await create()).open(), join(folder, testIds.randomHex(6)));
    worlds.push(world);
    const { store, tenant } = world;
    const known = anImage({ tenant, name: 'os', version: '1', digest: imageDigest, size: imageSize });
    await store.transaction(async (tx) => {
      await tx.blobs.record({ digest: imageDigest, size: imageSize }, '2026-01-01T00:00:00.000Z');
      await tx.images.insert({ ...known, facts: known.facts === null ? null : { ...known.facts, rootModes } });
    });
    await makeFleet(store, tenant, 3);
    await world.startControl();
    await world.startBoot();
    const rootMode = rootModes.includes('stream') ? 'stream' : 'ram';
    const given = async (device: string): Promise<Device> => {
      const wish = { image: 'os:1', rootMode, kernelParameters: '', device } as const;
      return valueOf(await world.provisioning.provision(admin, wish));
    };
    const [one, two] = [await given('pi-0'), await given('pi-1')];
    const disk = await idle(world, valueOf(await world.disks.create(admin, { size: MiB, name: 'media' })));
    return { world, one, two, disk };
  };
  const now = async ({ disks }: DiskWorld, { id }: Disk): Promise<Disk> => valueOf(await disks.get(admin, id));
  const idle = async (world: DiskWorld, disk: Disk): Promise<Disk> => {
    await expect.poll(async () => (await now(world, disk)).job).toBeNull();
    return now(world, disk);
  };
  const jobOf = async ({ jobs }: DiskWorld, { job }: Disk) => {
    const look = async () => valueOf(await jobs.get(admin, job ?? ''));
    await expect.poll(async () => (await look()).endedAt).not.toBeNull();
    return look();
  };
  const attach = ({ attachments }: DiskWorld, device: string, access: 'read-write' | 'read-only' = 'read-write') =>
    attachments.attach(admin, 'media', { device, access });
  const detach = ({ attachments }: DiskWorld, wanted: { device?: string; force?: boolean } = {}) =>
    attachments.detach(admin, 'media', { force: false, ...wanted });
  const eventsOf = async ({ store }: DiskWorld, { id }: Disk): Promise<string[]> => {
    const events = await store.read((tx) => tx.events.list({ after: 0, limit: 100 }));
    return events.filter(({ subject }) => subject === id).map(({ type }) => type);
  };

  it('are given and taken, the board is told, and it is written down', async () => {
    const { world, one, disk } = await open();
    const given = valueOf(await attach(world, 'pi-0'));
    expect(given.attachments).toMatchObject([{ device: one.id, access: 'read-write', state: 'attached' }]);
    await idle(world, disk);
    expect(world.boards.asked).toEqual([`refresh ${one.id}`]);
    expect(await world.store.read((tx) => tx.disks.attachedTo(one.id))).toMatchObject([{ id: disk.id }]);
    expect((await world.disks.list(admin, { limit: 9, device: one.id })).items).toMatchObject([{ id: disk.id }]);
    expect(valueOf(await detach(world)).attachments).toMatchObject([{ state: 'detaching' }]);
    expect(await idle(world, disk)).toMatchObject({ attachments: [], state: 'ready', size: MiB });
    expect(world.boards.asked.at(-1)).toBe(`ask for ${disk.id} of ${one.id}`);
    expect((await eventsOf(world, disk)).slice(-2)).toEqual(['disk.attached', 'disk.detached']);
  });

  it('have one device that writes, or any number that read', async () => {
    const { world, one, two, disk } = await open();
    valueOf(await attach(world, 'pi-0'));
    await idle(world, disk);
    expect(valueOf(await attach(world, 'pi-0'))).toMatchObject({ job: null });
    expect(await attach(world, 'pi-0', 'read-only')).toMatchObject({ code: 'disk.in-use', conflicts: [one.id] });
    expect(await attach(world, 'pi-1')).toMatchObject({ code: 'disk.in-use', conflicts: [one.id] });
    expect(await attach(world, 'pi-1', 'read-only')).toMatchObject({ code: 'disk.in-use' });
    valueOf(await detach(world));
    await idle(world, disk);
    for (const device of ['pi-0', 'pi-1']) {
      valueOf(await attach(world, device, 'read-only'));
      await idle(world, disk);
    }
    expect((await now(world, disk)).attachments.map(({ device }) => device).sort()).toEqual([one.id, two.id].sort());
    expect(await detach(world)).toMatchObject({ code: 'disk.invalid', errors: [{ field: 'device' }] });
    valueOf(await detach(world, { device: 'pi-1', force: true }));
    expect((await idle(world, disk)).attachments).toMatchObject([{ device: one.id }]);
    expect(world.boards.asked.at(-1)).toBe(`take ${disk.id} of ${two.id}`);
    expect(await detach(world, { device: 'pi-1' })).toMatchObject({ code: 'disk.not-attached' });
  });

  it('cannot be deleted while a device has them', async () => {
    const { world, one, disk } = await open();
    valueOf(await attach(world, 'pi-0'));
    await idle(world, disk);
    expect(await world.disks.remove(admin, 'media', true)).toMatchObject({ code: 'disk.in-use', conflicts: [one.id] });
  });

  it('stay with a board that does not let go, and the job says why', async () => {
    const { world, one, disk } = await open();
    valueOf(await attach(world, 'pi-0'));
    await idle(world, disk);
    world.boards.answer = () => Promise.reject(new RefusedError(refusal('disk.in-use', 'It is mounted.')));
    const job = await jobOf(world, valueOf(await detach(world)));
    expect(job).toMatchObject({ state: 'failed', error: { code: 'disk.in-use', detail: 'It is mounted.' } });
    expect(await now(world, disk)).toMatchObject({ job: null, attachments: [{ device: one.id, state: 'attached' }] });
  });

  it('stay when taking them away was cancelled', async () => {
    const { world, disk } = await open();
    valueOf(await attach(world, 'pi-0'));
    await idle(world, disk);
    world.boards.answer = (signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted'))));
    const leaving = valueOf(await detach(world));
    await expect.poll(() => world.boards.asked.length).toBe(2);
    valueOf(await world.jobs.cancel(admin, leaving.job ?? ''));
    expect(await jobOf(world, leaving)).toMatchObject({ state: 'cancelled' });
    expect(await now(world, disk)).toMatchObject({ job: null, attachments: [{ state: 'attached' }] });
  });

  it('are taken from a device that is released, and stay', async () => {
    const { world, one, disk } = await open();
    valueOf(await attach(world, 'pi-0'));
    await idle(world, disk);
    valueOf(await world.provisioning.release(admin, 'pi-0'));
    expect(await now(world, disk)).toMatchObject({ attachments: [], state: 'ready' });
    await expect.poll(() => world.boards.asked.at(-1)).toBe(`take ${disk.id} of ${one.id}`);
    valueOf(await attach(world, 'pi-1'));
    expect(await idle(world, disk)).toMatchObject({ attachments: [{ state: 'attached' }] });
    expect(await eventsOf(world, disk)).toEqual(
      expect.arrayContaining(['disk.created', 'disk.ready', 'disk.attached', 'disk.detached']),
    );
  });

  it('stay with a device that was released and has got them again before its board was asked', async () => {
    const { world, one, disk } = await open();
    valueOf(await attach(world, 'pi-0'));
    await idle(world, disk);
    let letGo = (): void => undefined;
    world.boards.answer = () => new Promise((resolve) => (letGo = resolve));
    valueOf(await world.provisioning.release(admin, 'pi-0'));
    await expect.poll(() => world.boards.asked.at(-1)).toBe(`take ${disk.id} of ${one.id}`);
    const wish = { image: 'os:1', rootMode: 'stream', kernelParameters: '', device: 'pi-0' } as const;
    valueOf(await world.provisioning.provision(admin, wish));
    const given = valueOf(await attach(world, 'pi-0'));
    letGo();
    expect((await jobOf(world, given)).state).toBe('succeeded');
    expect(await idle(world, disk)).toMatchObject({ attachments: [{ device: one.id, state: 'attached' }] });
    expect((await eventsOf(world, disk)).slice(-2)).toEqual(['disk.detached', 'disk.attached']);
    expect(world.boards.asked.at(-1)).toBe(`refresh ${one.id}`);
  });

  it('are refused to devices that could not use them, with the reason', async () => {
    const { world } = await open();
    expect(await attach(world, 'pi-2')).toMatchObject({ code: 'device.state' });
    expect(await attach(world, 'nobody')).toMatchObject({ code: 'device.not-found' });
    const other = await makeTenant(world.store, 'other');
    await world.store.transaction(async (tx) => {
      const [device] = await tx.devices.resolve('pi-1', undefined);
      await tx.devices.update(device?.id ?? '', device?.revision ?? 0, { tenant: other });
    });
    expect(await attach(world, 'pi-1')).toMatchObject({ code: 'disk.invalid', errors: [{ field: 'device' }] });
    expect(
      await world.attachments.attach(who(other, 'operator'), 'media', { device: 'pi-1', access: 'read-only' }),
    ).toMatchObject({ code: 'disk.not-found' });
    expect(
      await world.attachments.attach(who(world.tenant, 'reader'), 'media', { device: 'pi-0', access: 'read-only' }),
    ).toMatchObject({ code: 'auth.forbidden' });
    const unable = await open(['ram']);
    await unable.world.store.transaction(async (tx) => {
      const [device] = await tx.devices.resolve('pi-0', undefined);
      expect(device?.assignment).not.toBeNull();
    });
    expect(await attach(unable.world, 'pi-0')).toMatchObject({ code: 'image.unfit' });
  });

  it('are not system disks', async () => {
    const { world } = await open(['ram', 'nbd', 'stream']);
    const wish = { image: 'os:1', rootMode: 'nbd', kernelParameters: '', device: 'pi-2' } as const;
    const { assignment } = valueOf(await world.provisioning.provision(admin, wish));
    const root = assignment?.disk ?? '';
    expect(await world.attachments.attach(admin, root, { device: 'pi-0', access: 'read-only' })).toMatchObject({
      code: 'disk.in-use',
    });
    expect(await world.attachments.detach(admin, root, { force: true })).toMatchObject({ code: 'disk.in-use' });
  });
});
