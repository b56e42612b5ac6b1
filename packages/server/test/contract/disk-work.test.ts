import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Disk, DiskSnapshot, Job } from '@drover/contract';
import { adapters } from './support/databases.js';
import { imageDigest, imageSize, openDiskWorld, type DiskWorld } from './support/disk-world.js';
import { makeTenant, who } from './support/fleet.js';
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

describe.each(adapters())('work on disks, with $name', ({ create }) => {
  const open = async (planes: 'both' | 'control' | 'none' = 'both'): Promise<DiskWorld> => {
    const world = await openDiskWorld(await (await create()).open(), join(folder, testIds.randomHex(6)));
    worlds.push(world);
    if (planes !== 'none') await world.startControl();
    if (planes === 'both') await world.startBoot();
    return world;
  };
  const ended = async ({ jobs }: DiskWorld, { job }: Disk | DiskSnapshot): Promise<Job> => {
    const look = async () => valueOf(await jobs.get(admin, job ?? ''));
    await expect.poll(async () => (await look()).endedAt).not.toBeNull();
    return look();
  };
  const now = async ({ disks }: DiskWorld, { id }: Disk): Promise<Disk> => valueOf(await disks.get(admin, id));
  const made = async (world: DiskWorld, wanted: object = { size: 8 * MiB }): Promise<Disk> => {
    const disk = valueOf(await world.disks.create(admin, wanted));
    expect(await ended(world, disk)).toMatchObject({ state: 'succeeded', subject: disk.id });
    return now(world, disk);
  };
  const withImage = async ({ store, tenant }: DiskWorld, change: object = {}): Promise<void> => {
    const image = anImage({ tenant, name: 'os', version: '1', digest: imageDigest, size: imageSize, ...change });
    await store.transaction(async (tx) => {
      await tx.blobs.record({ digest: imageDigest, size: imageSize }, '2026-01-01T00:00:00.000Z');
      await tx.images.insert(image);
    });
  };
  const snapshotOf = async (world: DiskWorld, disk: Disk, name: string): Promise<DiskSnapshot> => {
    const taken = valueOf(await world.disks.takeSnapshot(admin, disk.id, { name }));
    await ended(world, taken);
    return valueOf(await world.disks.snapshots(admin, disk.id)).find(({ id }) => id === taken.id) ?? taken;
  };

  it('makes an empty disk, and says so', async () => {
    const world = await open();
    const disk = valueOf(await world.disks.create(admin, { size: 8 * MiB, name: 'scratch' }));
    expect(disk).toMatchObject({ state: 'creating', role: 'data', device: null, image: null, tenant: world.tenant });
    await ended(world, disk);
    expect(await now(world, disk)).toMatchObject({ state: 'ready', job: null, size: 8 * MiB, name: 'scratch' });
    expect((await now(world, disk)).ownBytes).toBeGreaterThan(0);
    expect(await world.pool.facts(disk.id)).toMatchObject({ base: null, snapshots: [] });
    const events = await world.store.read((tx) => tx.events.list({ after: 0, limit: 50 }));
    expect(events.filter(({ subject }) => subject === disk.id).map(({ type }) => type)).toEqual([
      'disk.created',
      'disk.ready',
    ]);
  });

  it('makes disks over an image, whose bytes stay when the image goes', async () => {
    const world = await open();
    await withImage(world);
    const disk = await made(world, { image: 'os:1' });
    expect(disk).toMatchObject({ size: imageSize });
    expect((await world.pool.facts(disk.id)).base).toBe(imageDigest);
    const image = await world.store.read((tx) => tx.images.find(world.tenant, 'os', '1'));
    await world.store.transaction((tx) => tx.images.delete(image?.id ?? ''));
    expect(await world.store.read((tx) => tx.blobs.isReferenced(imageDigest))).toBe(true);
    expect(await world.store.read((tx) => tx.blobs.unreferenced('2030-01-01T00:00:00.000Z', 9))).toEqual([]);
    const gone = valueOf(await world.disks.remove(admin, disk.id, false));
    await ended(world, gone);
    expect(await world.store.read((tx) => tx.blobs.unreferenced('2030-01-01T00:00:00.000Z', 9))).toHaveLength(1);
    expect(await world.disks.get(admin, disk.id)).toMatchObject({ code: 'disk.not-found' });
    expect(await world.pool.list()).toEqual([]);
  });

  it('refuses what cannot be, with the field and the way out, and leaves nothing', async () => {
    const world = await open();
    await withImage(world);
    await made(world, { size: MiB, name: 'taken' });
    const refused = async (wanted: object) => {
      const result = await world.disks.create(admin, wanted);
      expect(result).toHaveProperty('remedy', expect.stringMatching(/./));
      return result;
    };
    expect(await refused({ image: 'os:1', size: MiB })).toMatchObject({
      code: 'disk.invalid',
      errors: [{ field: 'size' }],
    });
    expect(await refused({ size: MiB, name: 'taken' })).toMatchObject({
      code: 'disk.exists',
      errors: [{ field: 'name' }],
    });
    expect(await refused({ image: 'nothing:1' })).toMatchObject({ code: 'image.not-found' });
    expect(await refused({ snapshot: testIds.next('snp') })).toMatchObject({ code: 'snapshot.not-found' });
    expect(await world.disks.create(who(world.tenant, 'reader'), { size: MiB })).toMatchObject({
      code: 'auth.forbidden',
    });
    expect((await world.disks.list(admin, { limit: 9 })).items).toHaveLength(1);
  });

  it('keeps tenants apart', async () => {
    const world = await open();
    const other = who(await makeTenant(world.store, 'other'), 'operator');
    const disk = await made(world, { size: MiB, name: 'mine' });
    const snapshot = await snapshotOf(world, disk, 'one');
    expect(await world.disks.get(other, disk.id)).toMatchObject({ code: 'disk.not-found' });
    expect(await world.disks.get(other, 'mine')).toMatchObject({ code: 'disk.not-found' });
    expect(await world.disks.remove(other, disk.id, true)).toMatchObject({ code: 'disk.not-found' });
    expect(await world.disks.create(other, { snapshot: snapshot.id })).toMatchObject({ code: 'snapshot.not-found' });
    expect((await world.disks.list(other, { limit: 9 })).items).toEqual([]);
  });

  it('keeps to what a tenant may have, whatever makes it more', async () => {
    const world = await open();
    const allow = (disks: number | null, diskBytes: number | null) =>
      world.store.transaction((tx) => tx.tenants.setQuota(world.tenant, { disks, diskBytes, backupBytes: 0 }));
    await allow(2, 20 * MiB);
    const first = await made(world, { size: 8 * MiB });
    const exceeded = { code: 'quota.exceeded', remedy: expect.stringContaining('quota') as string };
    expect(await world.disks.create(admin, { size: 13 * MiB })).toMatchObject(exceeded);
    expect(await world.disks.update(admin, first.id, { size: 21 * MiB })).toMatchObject(exceeded);
    expect(await world.disks.update(admin, first.id, { name: 'same-size' })).toMatchObject({ ok: true });
    await made(world, { size: 12 * MiB });
    await allow(2, null);
    expect(await world.disks.create(admin, { size: MiB })).toMatchObject(exceeded);
    await allow(3, null);
    const [a, b] = await Promise.all([1, 2].map(() => world.disks.create(admin, { size: MiB })));
    expect([a?.ok, b?.ok].sort()).toEqual([false, true]);
    expect(await world.store.read((tx) => tx.disks.usage(world.tenant))).toEqual({ disks: 3, bytes: 21 * MiB });
  });

  it('takes snapshots, clones them and lets them go', async () => {
    const world = await open();
    const disk = await made(world);
    const snapshot = await snapshotOf(world, disk, 'before');
    expect(snapshot).toMatchObject({ state: 'ready', size: 8 * MiB, job: null });
    expect(await world.disks.takeSnapshot(admin, disk.id, { name: 'before' })).toMatchObject({ code: 'disk.exists' });
    const clone = await made(world, { snapshot: snapshot.id, size: 9 * MiB });
    expect(clone.size).toBe(9 * MiB);
    expect(await world.disks.remove(admin, disk.id, false)).toMatchObject({
      code: 'disk.in-use',
      conflicts: ['before'],
    });
    await ended(world, valueOf(await world.disks.forgetSnapshot(admin, disk.id, 'before')));
    expect(valueOf(await world.disks.snapshots(admin, disk.id))).toEqual([]);
    await ended(world, valueOf(await world.disks.remove(admin, disk.id, false)));
    expect((await world.pool.list()).map((each) => each.disk)).toEqual([clone.id]);
  });

  it('renames and grows, one work at a time, and not from an older state', async () => {
    const world = await open('control');
    await world.startBoot();
    const disk = await made(world);
    const grown = valueOf(await world.disks.update(admin, disk.id, { name: 'large', size: 16 * MiB }, disk.etag));
    expect(grown).toMatchObject({ name: 'large', size: 8 * MiB, state: 'ready' });
    expect(await world.disks.update(admin, disk.id, { name: 'x' }, disk.etag)).toMatchObject({ ok: false });
    await ended(world, grown);
    const after = await now(world, disk);
    expect(after).toMatchObject({ name: 'large', size: 16 * MiB, job: null });
    expect(await world.disks.update(admin, 'large', { size: MiB })).toMatchObject({ code: 'disk.invalid' });
    expect(await world.disks.update(admin, 'large', { name: 'x' }, disk.etag)).toMatchObject({
      code: 'precondition.failed',
    });
  });

  it('waits for a boot plane that is away, and says that somebody is at work', async () => {
    const world = await open('control');
    const disk = valueOf(await world.disks.create(admin, { size: MiB }));
    await expect.poll(async () => valueOf(await world.jobs.get(admin, disk.job ?? '')).state).toBe('running');
    expect(await world.disks.remove(admin, disk.id, false)).toMatchObject({
      code: 'disk.in-use',
      remedy: expect.stringContaining(disk.job ?? 'a job') as string,
    });
    const stopBoot = await world.startBoot();
    await ended(world, disk);
    await stopBoot();
    const checked = valueOf(await world.disks.check(admin, disk.id));
    await world.startBoot();
    expect(await ended(world, checked)).toMatchObject({
      result: { files: [{ report: { corruptions: 0 }, problem: null }] },
    });
  });

  it('goes on after a restart of the control plane', async () => {
    const world = await open('none');
    const stop = await world.startControl();
    const disk = valueOf(await world.disks.create(admin, { size: MiB }));
    await expect.poll(async () => valueOf(await world.jobs.get(admin, disk.job ?? '')).state).toBe('running');
    await stop();
    await world.startBoot();
    await world.startControl();
    expect(await ended(world, disk)).toMatchObject({ state: 'succeeded' });
    expect(await now(world, disk)).toMatchObject({ state: 'ready' });
  });

  it('that is cancelled leaves neither file nor snapshot', async () => {
    const world = await open('control');
    const disk = valueOf(await world.disks.create(admin, { size: MiB }));
    await world.pool.create({ disk: disk.id, size: MiB, origin: { kind: 'empty' } });
    await world.cancelBegun(disk);
    await expect.poll(async () => (await world.standing()).map(({ work }) => work.kind)).toEqual(['remove']);
    await world.startBoot();
    expect(await ended(world, disk)).toMatchObject({ state: 'cancelled' });
    expect(await world.pool.list()).toEqual([]);
    expect(await now(world, disk)).toMatchObject({ state: 'failed', job: null });
    await ended(world, valueOf(await world.disks.remove(admin, disk.id, false)));
    expect(await world.disks.get(admin, disk.id)).toMatchObject({ code: 'disk.not-found' });
  });

  it('that could not be done leaves a failed disk failed', async () => {
    const world = await open('control');
    const disk = valueOf(await world.disks.create(admin, { size: MiB }));
    await world.cancelBegun(disk);
    const stopBoot = await world.startBoot();
    await ended(world, disk);
    await stopBoot();
    const before = await now(world, disk);
    expect(before).toMatchObject({ state: 'failed', stateReason: expect.any(String) as string });
    const going = valueOf(await world.disks.remove(admin, disk.id, false));
    await world.cancelBegun(going);
    await world.startBoot();
    expect(await ended(world, going)).toMatchObject({ state: 'cancelled' });
    expect(await now(world, disk)).toMatchObject({ state: 'failed', stateReason: before.stateReason, job: null });
  });

  it('that fails says why, and the disk is as good as before', async () => {
    const world = await open();
    const disk = await made(world, { size: MiB });
    await world.pool.remove(disk.id);
    const job = await ended(world, valueOf(await world.disks.takeSnapshot(admin, disk.id, {})));
    expect(job).toMatchObject({ state: 'failed', error: { code: 'disk.not-found' } });
    expect(await now(world, disk)).toMatchObject({ state: 'ready', job: null });
    expect(valueOf(await world.disks.snapshots(admin, disk.id))).toEqual([]);
  });

  it('that was cancelled is asked for again as at first, one at a time', async () => {
    const world = await open('control');
    const stopBoot = await world.startBoot();
    const disk = await made(world);
    await stopBoot();
    const { disks, jobs } = world;
    const works = [
      () => disks.update(admin, disk.id, { size: 9 * MiB }),
      () => disks.flatten(admin, disk.id),
      () => disks.check(admin, disk.id),
      () => disks.takeSnapshot(admin, disk.id, {}),
      () => disks.remove(admin, disk.id, true),
    ];
    for (const work of works) {
      const begun = valueOf<{ job: string | null }>(await work());
      await world.cancelBegun(begun);
      const stop = await world.startBoot();
      expect(await ended(world, begun as Disk)).toMatchObject({ state: 'cancelled' });
      await stop();
      const again = valueOf(await jobs.retry(admin, begun.job ?? ''));
      expect(await now(world, disk)).toMatchObject({ job: again.id });
      expect(await jobs.retry(admin, begun.job ?? '')).toMatchObject({ ok: false, code: 'disk.in-use' });
      const stopAgain = await world.startBoot();
      expect(await ended(world, { ...disk, job: again.id })).toMatchObject({ state: 'succeeded' });
      await stopAgain();
    }
    expect(await disks.get(admin, disk.id)).toMatchObject({ ok: false, code: 'disk.not-found' });
    expect((await world.pool.facts(disk.id).catch(() => undefined)) ?? null).toBeNull();
  });
});
