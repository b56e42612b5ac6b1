import { describe, expect, it } from 'vitest';
import type { Disk, DiskBackup } from '@drover/contract';
import {
  admin,
  asFile,
  backedUp,
  compare,
  ended,
  fileOf,
  leftovers,
  made,
  MiB,
  useBackupWorlds,
  written,
} from './support/backup-world.js';
import { adapters } from './support/databases.js';
import type { DiskWorld } from './support/disk-world.js';
import { valueOf } from './support/importer.js';

const openWorld = useBackupWorlds();

describe.each(adapters())('backups of a tenant with a quota, with $name', ({ create }) => {
  const open = (planes?: 'both' | 'control' | 'none') => openWorld(create, planes);

  const allow = (world: DiskWorld, backupBytes: number | null) =>
    world.store.transaction((tx) => tx.tenants.setQuota(world.tenant, { disks: null, diskBytes: null, backupBytes }));
  const exceeded = { code: 'quota.exceeded', remedy: expect.stringContaining('drover tenant quota') as string };
  const usage = ({ store, tenant }: DiskWorld) => store.read((tx) => tx.backups.usage(tenant));
  const blobsOf = async ({ blobs }: DiskWorld): Promise<string[]> => {
    const digests: string[] = [];
    for await (const { digest } of blobs.list()) digests.push(digest);
    return digests;
  };

  it('are refused at once where nothing fits any more, or not all of it', async () => {
    const world = await open();
    const disk = await made(world, { size: 8 * MiB });
    const ask = (format: 'qcow2' | 'raw') => world.backups.create(admin, disk.id, { format });
    await allow(world, 8 * MiB - 1);
    expect(await ask('raw')).toMatchObject({
      ...exceeded,
      detail: `The tenant default has backups of 0 of ${8 * MiB - 1} bytes, and ${8 * MiB} more are wanted.`,
    });
    await allow(world, 8 * MiB);
    const backup = await backedUp(world, disk, 'raw');
    expect(await usage(world)).toBe(8 * MiB);
    expect(await ask('qcow2')).toMatchObject(exceeded);
    expect(await world.disks.get(admin, disk.id)).toMatchObject({ value: { job: null, state: 'ready' } });
    await world.backups.remove(admin, backup.id);
    expect(await usage(world)).toBe(0);
    await backedUp(world, disk, 'qcow2');
    await allow(world, 0);
    expect(await ask('qcow2')).toMatchObject(exceeded);
  });

  it('fail with the figures and leave nothing when they become too large, and can be tried again', async () => {
    const world = await open();
    const disk = await written(world);
    const before = await world.pool.facts(disk.id);
    await allow(world, MiB);
    const begun = valueOf(await world.backups.create(admin, disk.id, { format: 'qcow2' }));
    const failed = await ended(world, begun);
    expect(failed).toMatchObject({ state: 'failed', error: exceeded });
    expect(failed.error?.detail).toMatch(
      /^The tenant default has backups of 0 of 1048576 bytes, and \d{7} more are wanted\.$/,
    );
    expect(await world.backups.get(admin, begun.id)).toMatchObject({ code: 'backup.not-found' });
    expect([leftovers(world), await blobsOf(world), await usage(world)]).toEqual([[], [], 0]);
    expect((await world.pool.facts(disk.id)).snapshots).toEqual(before.snapshots);
    expect(await world.disks.get(admin, disk.id)).toMatchObject({ value: { job: null, state: 'ready' } });
    await allow(world, null);
    const again = valueOf(await world.jobs.retry(admin, failed.id));
    expect(await ended(world, { job: again.id })).toMatchObject({ state: 'succeeded' });
    const { items } = await world.backups.list(admin, { limit: 9 });
    expect(items).toMatchObject([{ id: again.subject, disk: disk.id, format: 'qcow2', state: 'ready' }]);
    compare(fileOf(world, items[0] as DiskBackup), await asFile(world, disk));
  });

  it('do not slip through together', async () => {
    const world = await open();
    const disks = [await written(world), await written(world), await written(world)];
    const { bytes } = await backedUp(world, disks[0] as Disk);
    await allow(world, 3.5 * (bytes ?? 0));
    const begun = await Promise.all(disks.map(({ id }) => world.backups.create(admin, id, { format: 'qcow2' })));
    const jobs = await Promise.all(begun.map((each) => ended(world, valueOf(each))));
    expect(jobs.map(({ state }) => state).sort()).toEqual(['failed', 'succeeded', 'succeeded']);
    expect(jobs.find(({ state }) => state === 'failed')).toMatchObject({ error: exceeded });
    expect(await usage(world)).toBeLessThanOrEqual(3.5 * (bytes ?? 0));
    expect(leftovers(world)).toEqual([]);
  });
});
