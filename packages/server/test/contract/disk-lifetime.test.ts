import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Disk, Job } from '@drover/contract';
import { adapters } from './support/databases.js';
import { openDiskWorld, type DiskWorld } from './support/disk-world.js';
import { who } from './support/fleet.js';
import { temporaryFolder } from './support/folders.js';
import { valueOf } from './support/importer.js';
import { testIds } from './support/world.js';

const MiB = 1 << 20;
const folder = temporaryFolder();
const admin = who(null);
const [past, future] = ['2020-01-01T00:00:00.000Z', '2100-01-01T00:00:00.000Z'];
const worlds: DiskWorld[] = [];
afterEach(async () => {
  await Promise.all(worlds.splice(0).map((world) => world.close()));
});

describe.each(adapters())('disks with $name', ({ create }) => {
  const open = async (): Promise<DiskWorld> => {
    const world = await openDiskWorld(await (await create()).open(), join(folder, testIds.randomHex(6)));
    worlds.push(world);
    await world.startControl();
    await world.startBoot();
    return world;
  };
  const ended = async ({ jobs }: DiskWorld, job: string | null): Promise<Job> => {
    const look = async () => valueOf(await jobs.get(admin, job ?? ''));
    await expect.poll(async () => (await look()).endedAt).not.toBeNull();
    return look();
  };
  const made = async (world: DiskWorld, name: string): Promise<Disk> => {
    const disk = valueOf(await world.disks.create(admin, { size: MiB, name }));
    await ended(world, disk.job);
    return valueOf(await world.disks.get(admin, disk.id));
  };

  it('whose time is over go, and no others', async () => {
    const world = await open();
    const [over, later, kept, never] = await Promise.all(
      ['over', 'later', 'kept', 'never'].map((name) => made(world, name)),
    );
    for (const { id } of [over, kept] as Disk[]) valueOf(await world.disks.retire(admin, id, past));
    valueOf(await world.disks.retire(admin, later?.id ?? '', future));
    expect(valueOf(await world.disks.get(admin, 'later')).deleteAt).toBe(future);
    expect(valueOf(await world.disks.update(admin, 'kept', { deleteAt: null })).deleteAt).toBeNull();
    expect(await world.disks.removeDue()).toBe(1);
    expect(await world.disks.removeDue()).toBe(0);
    await expect.poll(async () => (await world.disks.get(admin, 'over')).ok).toBe(false);
    const left = (await world.disks.list(admin, { limit: 9 })).items.map(({ name }) => name).sort();
    expect(left).toEqual(['kept', 'later', 'never']);
    const events = await world.store.read((tx) => tx.events.list({ after: 0, limit: 100 }));
    const told = (disk: Disk | undefined) =>
      events.filter(({ subject }) => subject === disk?.id).map(({ type }) => type.replace('disk.', ''));
    expect(told(over)).toEqual(['created', 'ready', 'updated', 'deleted']);
    expect(told(kept)).toEqual(['created', 'ready', 'updated', 'updated']);
    expect(told(never)).toEqual(['created', 'ready']);
  });

  it('whose time is over and that could not be deleted go the next time', async () => {
    const world = await open();
    const { id } = await made(world, 'over');
    const held = await world.pool.hold(id);
    valueOf(await world.disks.retire(admin, id, past));
    expect(await world.disks.removeDue()).toBe(1);
    const { job } = valueOf(await world.disks.get(admin, id));
    expect(await ended(world, job)).toMatchObject({ state: 'failed', error: { code: 'disk.in-use' } });
    await held.release();
    expect(await world.disks.removeDue()).toBe(1);
    await expect.poll(async () => (await world.disks.get(admin, id)).ok).toBe(false);
  });

  it('are retired and kept by operators of their tenant only', async () => {
    const world = await open();
    const disk = await made(world, 'mine');
    expect(await world.disks.retire(who(world.tenant, 'reader'), disk.id, past)).toMatchObject({
      code: 'auth.forbidden',
    });
    expect(await world.disks.removeDue()).toBe(0);
  });

  it('that are directories are made where somebody serves them, and are no block devices', async () => {
    const world = await open();
    const directory = valueOf(await world.disks.create(admin, { kind: 'directory', size: MiB, name: 'share' }));
    expect(directory).toMatchObject({ kind: 'directory', clone: null, nfs: null });
    expect(await ended(world, directory.job)).toMatchObject({
      state: 'failed',
      error: { code: 'disk.invalid', detail: expect.stringContaining('nfs.driver') as string },
    });
    await world.store.transaction(async (tx) => {
      const record = await tx.disks.get(directory.id);
      await tx.disks.update(directory.id, record?.revision ?? 0, { state: 'ready', stateReason: null });
    });
    const refusals = await Promise.all([
      world.disks.takeSnapshot(admin, 'share', {}),
      world.disks.update(admin, 'share', { size: 2 * MiB }),
      world.disks.flatten(admin, 'share'),
      world.disks.check(admin, 'share'),
      world.backups.create(admin, 'share', { format: 'raw' }),
    ]);
    for (const refused of refusals)
      expect(refused).toMatchObject({
        ok: false,
        code: 'disk.invalid',
        detail: expect.stringContaining('is a directory') as string,
      });
    expect(valueOf(await world.disks.update(admin, 'share', { name: 'shared' })).name).toBe('shared');
  });
});
