import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect } from 'vitest';
import type { Disk, DiskBackup, Job } from '@drover/contract';
import type { HeldDisk } from '../../../src/app/disks/pool.js';
import type { Adapter } from './databases.js';
import { imageDigest, imageSize, openDiskWorld, type DiskWorld } from './disk-world.js';
import { who } from './fleet.js';
import { temporaryFolder } from './folders.js';
import { valueOf } from './importer.js';
import { anImage } from './records.js';
import { testIds } from './world.js';

export const MiB = 1 << 20;
export const admin = who(null);

export const qemuImg = (...args: string[]): string => execFileSync('qemu-img', args).toString();
const sizeOf = (path: string): unknown =>
  (JSON.parse(qemuImg('info', '--output=json', path)) as Record<string, unknown>)['virtual-size'];
/** Throws unless both show the same bytes, and as many. */
export const compare = (a: string, b: string): void => {
  qemuImg('compare', a, b);
  expect(sizeOf(a)).toBe(sizeOf(b));
};

/** Opens worlds with an image `os:1`, which are closed after each test. Called once by a test file. */
export const useBackupWorlds = () => {
  const folder = temporaryFolder();
  const worlds: DiskWorld[] = [];
  afterEach(async () => {
    await Promise.all(worlds.splice(0).map((world) => world.close()));
  });
  return async (create: Adapter['create'], planes: 'both' | 'control' | 'none' = 'both'): Promise<DiskWorld> => {
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
};

/** The job, when it has ended. */
export const ended = async ({ jobs }: DiskWorld, { job }: { job: string | null }): Promise<Job> => {
  const look = async () => valueOf(await jobs.get(admin, job ?? ''));
  await expect.poll(async () => (await look()).endedAt).not.toBeNull();
  return look();
};

/** A disk that is made. */
export const made = async (world: DiskWorld, wanted: object): Promise<Disk> => {
  const disk = valueOf(await world.disks.create(admin, wanted));
  expect(await ended(world, disk)).toMatchObject({ state: 'succeeded' });
  return valueOf(await world.disks.get(admin, disk.id));
};

/** Does something to a disk as a board would. */
export const using = async <T>(
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
export const asFile = (world: DiskWorld, disk: Disk): Promise<string> =>
  using(world, disk, async (held) => {
    const path = join(world.folder, `${testIds.randomHex(6)}.raw`);
    writeFileSync(path, await held.read(0, held.size));
    return path;
  });

/** A backup that is ready. */
export const backedUp = async (
  world: DiskWorld,
  disk: Disk,
  format: 'qcow2' | 'raw' = 'qcow2',
): Promise<DiskBackup> => {
  const begun = valueOf(await world.backups.create(admin, disk.id, { format }));
  expect(await ended(world, begun)).toMatchObject({ state: 'succeeded', subject: begun.id });
  return valueOf(await world.backups.get(admin, begun.id));
};

export const fileOf = (world: DiskWorld, { sha256 }: DiskBackup): string => world.blobs.localPath(sha256 ?? '') ?? '';

/** What the copying of backups has left. */
export const leftovers = ({ folder: at }: DiskWorld): string[] => readdirSync(join(at, 'disks/backups'));

/** A disk over the image with changes of its own, in a layer and above it. */
export const written = async (world: DiskWorld): Promise<Disk> => {
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
