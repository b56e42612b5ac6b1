import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { Disk, DiskBackup, Job } from '@drover/contract';
import type { HeldDisk } from '../../src/app/disks/pool.js';
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

const qemuImg = (...args: string[]): string => execFileSync('qemu-img', args).toString();
const sizeOf = (path: string): unknown =>
  (JSON.parse(qemuImg('info', '--output=json', path)) as Record<string, unknown>)['virtual-size'];
/** Throws unless both show the same bytes, and as many. */
const compare = (a: string, b: string): void => {
  qemuImg('compare', a, b);
  expect(sizeOf(a)).toBe(sizeOf(b));
};

describe.each(adapters())('backups of disks, with $name', ({ create }) => {
  const open = async (planes: 'both' | 'control' | 'none' = 'both'): Promise<DiskWorld> => {
    const world = await openDiskWorld(await (await create()).open(), join(folder, testIds.randomHex(6)));
    worlds.push(world);
    const image = anImage({ tenant: world.tenant, name: 'os', version: '1', digest: imageDigest, size: imageSize });
    await world.store.transaction(async (tx) => {
      await tx.blobs.record({ digest: imageDigest, size: imageSize }, '2026-01-01T00:00:00.000Z');
      await tx.images.insert(image);
    });
    if (planes !== 'none') await world.startControl();
    if (planes === 'both') await world.startBoot();
    return world;
  };
  const ended = async ({ jobs }: DiskWorld, { job }: { job: string | null }): Promise<Job> => {
    const look = async () => valueOf(await jobs.get(admin, job ?? ''));
    await expect.poll(async () => (await look()).endedAt, { timeout: 20_000 }).not.toBeNull();
    return look();
  };
  const made = async (world: DiskWorld, wanted: object): Promise<Disk> => {
    const disk = valueOf(await world.disks.create(admin, wanted));
    expect(await ended(world, disk)).toMatchObject({ state: 'succeeded' });
    return valueOf(await world.disks.get(admin, disk.id));
  };
  const using = async <T>(
    { pool }: DiskWorld,
    { id }: Disk,
    work: (disk: HeldDisk['disk']) => Promise<T>,
  ): Promise<T> => {
    const held = await pool.hold(id);
    try {
      return await work(held.disk);
    } finally {
      await held.release();
    }
  };
  /** The content of a disk as a file. */
  const asFile = (world: DiskWorld, disk: Disk): Promise<string> =>
    using(world, disk, async (held) => {
      const path = join(world.folder, `${testIds.randomHex(6)}.raw`);
      writeFileSync(path, await held.read(0, held.size));
      return path;
    });
  const backedUp = async (world: DiskWorld, disk: Disk, format: 'qcow2' | 'raw' = 'qcow2'): Promise<DiskBackup> => {
    const begun = valueOf(await world.backups.create(admin, disk.id, { format }));
    expect(await ended(world, begun)).toMatchObject({ state: 'succeeded', subject: begun.id });
    return valueOf(await world.backups.get(admin, begun.id));
  };
  const fileOf = (world: DiskWorld, { sha256 }: DiskBackup): string => world.blobs.localPath(sha256 ?? '') ?? '';
  const leftovers = ({ folder: at }: DiskWorld): string[] => readdirSync(join(at, 'disks/backups'));
  /** A disk over the image with changes of its own, in a layer and above it. */
  const written = async (world: DiskWorld): Promise<Disk> => {
    const disk = await made(world, { image: 'os:1', size: 24 * MiB });
    await using(world, disk, async (held) => {
      await held.write(MiB + 512, randomBytes(3 * MiB));
      await held.flush();
    });
    await ended(world, valueOf(await world.disks.takeSnapshot(admin, disk.id, {})));
    await using(world, disk, async (held) => {
      await held.write(20 * MiB, randomBytes(MiB));
      await held.writeZeroes(2 * MiB, MiB);
      await held.flush();
    });
    return disk;
  };

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
    valueOf(await world.jobs.cancel(admin, begun.job ?? ''));
    await expect
      .poll(async () => (await world.standing()).map(({ work }) => work.kind), { timeout: 20_000 })
      .toEqual(['drop-backup']);
    await world.startBoot();
    expect(await ended(world, begun)).toMatchObject({ state: 'cancelled' });
    expect(leftovers(world)).toEqual([]);
    expect(await world.backups.get(admin, begun.id)).toMatchObject({ code: 'backup.not-found' });
    expect((await world.pool.facts(disk.id)).snapshots).toEqual(before.snapshots);
    expect(await world.disks.get(admin, disk.id)).toMatchObject({ value: { job: null, state: 'ready' } });
  });

  describe('of a tenant with a quota', () => {
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
      valueOf(await world.jobs.cancel(admin, disk.job ?? ''));
      await world.startBoot();
      expect(await ended(world, disk)).toMatchObject({ state: 'cancelled' });
      expect(await world.store.read((tx) => tx.uploads.get(upload))).toBeUndefined();
      await expect.poll(() => world.uploads.size(upload)).toBe(0);
      expect(readdirSync(join(world.folder, 'disks/overlays'))).toEqual([]);
    });
  });
});
