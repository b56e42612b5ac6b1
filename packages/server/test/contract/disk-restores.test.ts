import { describe, expect, it } from 'vitest';
import type { Disk, DiskBackup } from '@drover/contract';
import { admin, asFile, backedUp, compare, ended, MiB, useBackupWorlds, written } from './support/backup-world.js';
import { adapters } from './support/databases.js';
import { valueOf } from './support/importer.js';
import { testIds } from './support/world.js';

const openWorld = useBackupWorlds();

describe.each(adapters())('backups that are being restored, with $name', ({ create }) => {
  const open = (planes?: 'both' | 'control' | 'none') => openWorld(create, planes);

  const restoring = async () => {
    const world = await open('none');
    const stopControl = await world.startControl();
    const stopBoot = await world.startBoot();
    const source = await written(world);
    const backup = await backedUp(world, source);
    await stopBoot();
    return { ...{ world, source, backup, stopControl } };
  };
  const refusedFor = ({ job, name }: Disk) => ({
    code: 'backup.in-use',
    detail: expect.stringContaining(`${name} (${job})`) as string,
    remedy: expect.stringContaining(`drover job cancel ${job}`) as string,
    conflicts: [name],
  });

  it('stay until the disk is made, also while no plane is there', async () => {
    const { world, source, backup, stopControl } = await restoring();
    const disk = valueOf(await world.disks.create(admin, { backup: backup.id, name: 'again' }));
    await expect.poll(async () => (await world.standing()).map(({ work }) => work.kind)).toEqual(['create']);
    expect(await world.backups.remove(admin, backup.id)).toMatchObject(refusedFor(disk));
    await stopControl();
    expect(await world.backups.remove(admin, backup.id)).toMatchObject(refusedFor(disk));
    await world.startControl();
    await world.startBoot();
    expect(await ended(world, disk)).toMatchObject({ state: 'succeeded' });
    compare(await asFile(world, disk), await asFile(world, source));
    expect(await world.backups.remove(admin, backup.id)).toMatchObject({ ok: true });
    expect(await world.disks.get(admin, disk.id)).toMatchObject({ value: { state: 'ready' } });
  });

  it('go once the job is cancelled, and then it cannot be tried again', async () => {
    const { world, backup } = await restoring();
    const disk = valueOf(await world.disks.create(admin, { backup: backup.id }));
    await world.cancelBegun(disk);
    expect(await world.backups.remove(admin, backup.id)).toMatchObject(refusedFor(disk));
    await world.startBoot();
    expect(await ended(world, disk)).toMatchObject({ state: 'cancelled' });
    expect(await world.backups.remove(admin, backup.id)).toMatchObject({ ok: true });
    expect(await world.jobs.retry(admin, disk.job ?? '')).toMatchObject({
      code: 'backup.not-found',
      detail: expect.stringContaining(backup.id) as string,
      remedy: expect.stringContaining(`drover disk delete ${disk.name}`) as string,
    });
    expect(await world.disks.get(admin, disk.id)).toMatchObject({ value: { state: 'failed', job: null } });
    await ended(world, valueOf(await world.disks.remove(admin, disk.id, false)));
    expect(await world.jobs.retry(admin, disk.job ?? '')).toMatchObject({ code: 'disk.not-found' });
  });

  it('stay while a restore that failed is tried again', async () => {
    const { world, source, backup } = await restoring();
    const disk = valueOf(await world.disks.create(admin, { backup: backup.id }));
    await world.cancelBegun(disk);
    const stopBoot = await world.startBoot();
    await ended(world, disk);
    await stopBoot();
    const again = valueOf(await world.jobs.retry(admin, disk.job ?? ''));
    const begun = valueOf(await world.disks.get(admin, disk.id));
    expect(begun).toMatchObject({ state: 'creating', stateReason: null, job: again.id });
    expect(valueOf(await world.jobs.retry(admin, disk.job ?? '')).id).toBe(again.id);
    expect(await world.backups.remove(admin, backup.id)).toMatchObject(refusedFor(begun));
    expect(await world.disks.remove(admin, disk.id, false)).toMatchObject({ code: 'disk.in-use' });
    await world.startBoot();
    expect(await ended(world, begun)).toMatchObject({ state: 'succeeded' });
    compare(await asFile(world, disk), await asFile(world, source));
    expect(await world.jobs.retry(admin, disk.job ?? '')).toMatchObject({ code: 'job.finished' });
    expect(await world.backups.remove(admin, backup.id)).toMatchObject({ ok: true });
  });

  it('are deleted or made into a disk, never both, whoever asks at the same moment', async () => {
    const world = await open('none');
    const backup = (): DiskBackup => ({
      ...{
        id: testIds.next('bak'),
        tenant: world.tenant,
        disk: testIds.next('dsk'),
        diskName: 'gone',
        format: 'raw',
      },
      ...{ size: MiB, bytes: MiB, sha256: testIds.randomHex(32), state: 'ready', job: null },
      createdAt: '2026-01-01T00:00:00.000Z',
    });
    for (let run = 0; run < 8; run++) {
      const each = backup();
      await world.store.transaction((tx) => tx.backups.insert(each));
      const [disk, removed] = await Promise.all([
        world.disks.create(admin, { backup: each.id }),
        world.backups.remove(admin, each.id),
      ]);
      const codes = [disk, removed].map((result) => (result.ok ? 'done' : result.code));
      expect([
        ['done', 'backup.in-use'],
        ['backup.not-found', 'done'],
      ]).toContainEqual(codes);
    }
  });
});
