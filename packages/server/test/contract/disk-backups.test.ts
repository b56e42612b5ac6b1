import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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
  qemuImg,
  useBackupWorlds,
  using,
  written,
} from './support/backup-world.js';
import { adapters } from './support/databases.js';
import type { DiskWorld } from './support/disk-world.js';
import { makeTenant, who } from './support/fleet.js';
import { valueOf } from './support/importer.js';
import { testIds } from './support/world.js';

const openWorld = useBackupWorlds();

describe.each(adapters())('backups of disks, with $name', ({ create }) => {
  const open = (planes?: 'both' | 'control' | 'none') => openWorld(create, planes);

  it.each(['qcow2', 'raw'] as const)('as %s hold what the disk held, and depend on nothing', async (format) => {
    const world = await open();
    const disk = await written(world);
    const wanted = await asFile(world, disk);
    const backup = await backedUp(world, disk, format);
    expect(backup).toMatchObject({ state: 'ready', job: null, disk: disk.id, size: 24 * MiB, tenant: world.tenant });
    const file = fileOf(world, backup);
    expect(backup.bytes).toBe(statSync(file).size);
    compare(file, wanted);
    if (format === 'qcow2') {
      qemuImg('check', '-q', file);
      expect(qemuImg('info', file)).not.toContain('backing file');
      expect(statSync(file).size).toBeLessThan(12 * MiB);
    } else expect(readFileSync(file).equals(readFileSync(wanted))).toBe(true);
    expect(leftovers(world)).toEqual([]);
    expect((await world.pool.facts(disk.id)).snapshots).toHaveLength(1);
    const events = await world.store.read((tx) => tx.events.list({ after: 0, limit: 50 }));
    expect(events.at(-1)).not.toBeUndefined();
    expect(events.filter(({ type }) => type === 'disk.backup-made')).toMatchObject([
      { subject: disk.id, data: { backup: backup.id } },
    ]);
  });

  it('are of one moment, also of a disk that goes on being written', async () => {
    const world = await open();
    const disk = await made(world, { size: 16 * MiB });
    await using(world, disk, async (held) => {
      // The second half always says what the first does; a pair is one write and the next, with a flush after each.
      let round = 0;
      let stop = false;
      const writer = (async () => {
        while (!stop) {
          round += 1;
          for (const at of [0, 8 * MiB]) {
            await held.write(at, Buffer.alloc(65536, round % 251));
            await held.flush();
          }
        }
      })();
      const backup = await backedUp(world, disk);
      const before = round;
      await expect.poll(() => round).toBeGreaterThan(before);
      stop = true;
      await writer;
      const raw = join(world.folder, 'moment.raw');
      qemuImg('convert', '-O', 'raw', fileOf(world, backup), raw);
      const bytes = readFileSync(raw);
      const [first, second] = [bytes[0] ?? 0, bytes[8 * MiB] ?? 0];
      expect([0, 1, -250]).toContain(first - second);
      expect(bytes.subarray(0, 65536).equals(Buffer.alloc(65536, first))).toBe(true);
      expect(bytes.subarray(8 * MiB, 8 * MiB + 65536).equals(Buffer.alloc(65536, second))).toBe(true);
    });
  });

  it('make disks again, larger ones too, also when theirs is gone', async () => {
    const world = await open();
    const disk = await written(world);
    const wanted = await asFile(world, disk);
    const backup = await backedUp(world, disk);
    await ended(world, valueOf(await world.disks.remove(admin, disk.id, true)));
    const again = await made(world, { backup: backup.id, name: 'again' });
    expect(again).toMatchObject({ size: 24 * MiB, image: null, state: 'ready' });
    compare(await asFile(world, again), wanted);
    expect((await world.pool.check(again.id)).map(({ problem, report }) => [problem, report?.corruptions])).toEqual([
      [null, 0],
    ]);
    const larger = await made(world, { backup: backup.id, size: 32 * MiB });
    expect(larger.size).toBe(32 * MiB);
    expect(qemuImg('compare', await asFile(world, larger), wanted)).toContain('identical');
    expect(await world.disks.create(admin, { backup: backup.id, size: 16 * MiB })).toMatchObject({
      code: 'disk.invalid',
    });
  });

  it('are counted as users of their blob until they are deleted', async () => {
    const world = await open();
    const backup = await backedUp(world, await made(world, { size: 8 * MiB }));
    const isWanted = () => world.store.read((tx) => tx.blobs.isReferenced(backup.sha256 ?? ''));
    const unreferenced = async (): Promise<string[]> =>
      (await world.store.read((tx) => tx.blobs.unreferenced('2099-01-01T00:00:00.000Z', 9))).map(
        ({ digest }) => digest,
      );
    expect([await isWanted(), await unreferenced()]).toEqual([true, []]);
    expect(await world.backups.remove(admin, backup.id)).toMatchObject({ ok: true });
    expect([await isWanted(), await unreferenced()]).toEqual([false, [backup.sha256]]);
    expect(await world.backups.get(admin, backup.id)).toMatchObject({ code: 'backup.not-found' });
  });

  it('are nobody else’s, and made and read by operators only', async () => {
    const world = await open();
    const backup = await backedUp(world, await made(world, { size: 8 * MiB }));
    const stranger = who(await makeTenant(world.store, 'other'));
    expect(await world.backups.get(stranger, backup.id)).toMatchObject({ code: 'backup.not-found' });
    expect(await world.backups.content(stranger, backup.id)).toMatchObject({ code: 'backup.not-found' });
    expect(await world.backups.remove(stranger, backup.id)).toMatchObject({ code: 'backup.not-found' });
    expect(await world.disks.create(stranger, { backup: backup.id })).toMatchObject({ code: 'backup.not-found' });
    expect((await world.backups.list(stranger, { limit: 9 })).items).toEqual([]);
    expect((await world.backups.list(who(world.tenant), { limit: 9 })).items).toEqual([backup]);
    const reader = who(world.tenant, 'reader');
    expect(await world.backups.content(reader, backup.id)).toMatchObject({ code: 'auth.forbidden' });
    expect(await world.backups.create(reader, backup.disk, { format: 'raw' })).toMatchObject({
      code: 'auth.forbidden',
    });
    expect(await world.backups.remove(reader, backup.id)).toMatchObject({ code: 'auth.forbidden' });
  });

  it('leave nothing behind when they are cancelled, and the disk is as before', async () => {
    const world = await open('control');
    const stopBoot = await world.startBoot();
    const disk = await written(world);
    const before = await world.pool.facts(disk.id);
    await stopBoot();
    const begun = valueOf(await world.backups.create(admin, disk.id, { format: 'qcow2' }));
    expect(await world.backups.content(admin, begun.id)).toMatchObject({ code: 'backup.not-ready' });
    expect(await world.disks.update(admin, disk.id, { size: 32 * MiB })).toMatchObject({ code: 'disk.in-use' });
    await expect.poll(async () => (await world.standing()).map(({ work }) => work.kind)).toEqual(['backup']);
    // The copy is made, and nobody hears of it.
    const quiet = { signal: new AbortController().signal, progress: () => undefined };
    await world.pool.backup(disk.id, begun.id, 'qcow2', quiet);
    expect(leftovers(world)).toEqual([begun.id]);
    await world.cancelBegun(begun);
    await expect.poll(async () => (await world.standing()).map(({ work }) => work.kind)).toEqual(['drop-backup']);
    await world.startBoot();
    expect(await ended(world, begun)).toMatchObject({ state: 'cancelled' });
    expect(leftovers(world)).toEqual([]);
    expect(await world.backups.get(admin, begun.id)).toMatchObject({ code: 'backup.not-found' });
    expect((await world.pool.facts(disk.id)).snapshots).toEqual(before.snapshots);
    expect(await world.disks.get(admin, disk.id)).toMatchObject({ value: { job: null, state: 'ready' } });
  });

  it('come to their end when either plane ends at some moment', async () => {
    const world = await open('none');
    let stopControl = await world.startControl();
    let stopBoot = await world.startBoot();
    const disk = await written(world);
    const wanted = await asFile(world, disk);
    for (let run = 0; run < 4; run++) {
      const begun = valueOf(await world.backups.create(admin, disk.id, { format: 'qcow2' }));
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 150));
      if (run % 2 === 0) {
        await stopBoot();
        stopBoot = await world.startBoot();
      } else {
        await stopControl();
        stopControl = await world.startControl();
      }
      expect(await ended(world, begun)).toMatchObject({ state: 'succeeded' });
      compare(fileOf(world, valueOf(await world.backups.get(admin, begun.id))), wanted);
      expect(leftovers(world)).toEqual([]);
    }
  });

  it('do not pile up states below a disk', async () => {
    const world = await open();
    const disk = await made(world, { size: 8 * MiB });
    for (let i = 0; i < 10; i++) {
      await using(world, disk, async (held) => {
        await held.write(i * 65536, Buffer.alloc(4096, i + 1));
        await held.flush();
      });
      await backedUp(world, disk);
    }
    expect((await world.pool.facts(disk.id)).depth).toBeLessThan(8);
    const bytes = await using(world, disk, async (held) => Buffer.from(await held.read(0, 10 * 65536)));
    expect(Array.from({ length: 10 }, (_, i) => bytes[i * 65536])).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  describe('from a file somebody uploads', () => {
    const uploaded = async (world: DiskWorld, path: string, change: object = {}): Promise<string> => {
      const id = testIds.next('upl');
      await copyFile(path, world.uploads.path(id));
      const { size } = statSync(path);
      const at = '2099-01-01T00:00:00.000Z';
      await world.store.transaction((tx) =>
        tx.uploads.insert({
          ...{ id, tenant: world.tenant, filename: 'disk.img', size, offset: size, complete: true, image: null },
          ...{ createdAt: at, expiresAt: at, ...change },
        }),
      );
      return id;
    };
    const rawFile = (world: DiskWorld, size = 8 * MiB): string => {
      const path = join(world.folder, 'theirs.raw');
      const bytes = Buffer.alloc(size);
      randomBytes(2 * MiB).copy(bytes, 3 * MiB + 17);
      writeFileSync(path, bytes);
      return path;
    };

    it.each([
      ['raw', []],
      ['qcow2', []],
      ['qcow2, compressed', ['-c']],
    ] as const)('(%s) a disk is made, and the upload is used up', async (kind, options) => {
      const world = await open();
      const raw = rawFile(world);
      const path = kind === 'raw' ? raw : join(world.folder, 'theirs.qcow2');
      if (kind !== 'raw') qemuImg('convert', '-O', 'qcow2', ...options, raw, path);
      const upload = await uploaded(world, path);
      const disk = await made(world, { upload, name: 'theirs' });
      expect(disk.size).toBe(8 * MiB);
      compare(await asFile(world, disk), raw);
      expect(await world.store.read((tx) => tx.uploads.get(upload))).toBeUndefined();
      await expect.poll(() => world.uploads.size(upload)).toBe(0);
    });

    it('that is no whole number of sectors the rest reads as zeros', async () => {
      const world = await open();
      const upload = await uploaded(world, rawFile(world, 6 * MiB + 100));
      const disk = await made(world, { upload });
      expect(disk.size).toBe(6 * MiB + 512);
      const wanted = Buffer.concat([readFileSync(join(world.folder, 'theirs.raw')), Buffer.alloc(412)]);
      expect(readFileSync(await asFile(world, disk)).equals(wanted)).toBe(true);
    });

    it('nothing is made when it is an overlay, packed, damaged, not complete, in use, or another tenant’s', async () => {
      const world = await open('none');
      const raw = rawFile(world);
      const overlay = join(world.folder, 'overlay.qcow2');
      qemuImg('create', '-q', '-f', 'qcow2', '-b', raw, '-F', 'raw', overlay);
      const packed = join(world.folder, 'packed');
      writeFileSync(packed, Buffer.from('1f8b0800000000000003', 'hex'));
      const damaged = join(world.folder, 'damaged');
      writeFileSync(damaged, Buffer.concat([Buffer.from('514649fb', 'hex'), randomBytes(600)]));
      for (const path of [overlay, packed, damaged])
        expect(await world.disks.create(admin, { upload: await uploaded(world, path) }).catch(String)).toMatch(
          /RefusedError|No disk/,
        );
      const part = await uploaded(world, raw, { complete: false });
      expect(await world.disks.create(admin, { upload: part })).toMatchObject({ code: 'upload.incomplete' });
      const upload = await uploaded(world, raw);
      const stranger = who(await makeTenant(world.store, 'other'));
      expect(await world.disks.create(stranger, { upload })).toMatchObject({ code: 'upload.not-found' });
      valueOf(await world.disks.create(admin, { upload, name: 'first' }));
      expect(await world.disks.create(admin, { upload, name: 'second' })).toMatchObject({
        ...{ code: 'upload.in-use', conflicts: ['first'] },
      });
    });

    it('that is given up nothing is left', async () => {
      const world = await open('control');
      const upload = await uploaded(world, rawFile(world));
      const disk = valueOf(await world.disks.create(admin, { upload }));
      await world.cancelBegun(disk);
      await world.startBoot();
      expect(await ended(world, disk)).toMatchObject({ state: 'cancelled' });
      expect(await world.jobs.retry(admin, disk.job ?? '')).toMatchObject({ code: 'upload.not-found' });
      expect(await world.store.read((tx) => tx.uploads.get(upload))).toBeUndefined();
      await expect.poll(() => world.uploads.size(upload)).toBe(0);
      expect(readdirSync(join(world.folder, 'disks/overlays'))).toEqual([]);
    });
  });
});
