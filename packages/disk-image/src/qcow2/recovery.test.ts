import { describe, expect, it } from 'vitest';
import { expectRefusal } from '../../test/support/expect.js';
import { afterKill, contentOf, fill, isSame, kib, makeDisk, openDisk } from '../../test/support/qcow2/disk-world.js';
import { checkQcow2, openQcow2, repairQcow2 } from '../index.js';
import { environmentOf } from '../../test/support/qcow2/disk-world.js';

const noSpace = (): Error => Object.assign(new Error('no space left'), { code: 'ENOSPC' });

describe('a disk whose process was killed', () => {
  it('shows everything that was answered, flushed or not', async () => {
    const world = await makeDisk(1024 * kib, { base: 1024 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    await disk.flush();
    await fill(disk, world, 100 * kib, 200 * kib, 2);
    await disk.trim(0, 64 * kib);
    world.expected.fill(0, 0, 64 * kib);
    const left = afterKill(world);
    expect((await checkQcow2(left.file)).inUse).toBe(true);
    const again = await openDisk(left);
    expect(again.recovery).toBe('replayed');
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
    expect(await checkQcow2(left.file)).toMatchObject({ corruptions: 0, inUse: false });
  });

  it('makes durable with the first flush what the page cache still has', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    await disk.close();
    // Written in place: nothing but the page cache knows of it.
    await fill(await openDisk(world), world, 0, 10, 2);
    const again = await openDisk(world);
    expect(again.recovery).toBe('clean');
    const { syncs } = world.file;
    await again.flush();
    expect(world.file.syncs).toBeGreaterThan(syncs);
  });

  it('goes back to the last flush when the machine was started anew', async () => {
    const world = await makeDisk(1024 * kib, { base: 1024 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    await disk.flush();
    await disk.write(200 * kib, new Uint8Array(10));
    const again = await openDisk(afterKill(world), 'boot-2');
    expect(again.recovery).toBe('rolled-back');
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });

  it('does not believe the log of another session, or one that another program has written past', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    await disk.flush();
    await disk.write(200 * kib, new Uint8Array(10).fill(3));
    const other = afterKill(world);
    other.log.bytes[20] = 0x77;
    expect((await openDisk(other)).recovery).toBe('rolled-back');
    const cleared = afterKill(world);
    // What qemu does before it writes to an image: it clears automatically cleared features that it does not know.
    cleared.file.bytes.fill(0, 88, 96);
    const again = await openDisk(cleared);
    expect(again.recovery).toBe('clean');
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });

  it('takes over the log up to the first batch that is not whole', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    await fill(disk, world, 64 * kib, 10, 2);
    await disk.write(128 * kib, new Uint8Array(10).fill(3));
    const left = afterKill(world);
    left.log.bytes[left.log.size - 1] = 0xff;
    const again = await openDisk(left);
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });

  it('is refused with a log that contradicts the image', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await disk.write(0, new Uint8Array(64 * kib).fill(1));
    const left = afterKill(world);
    await left.file.truncate(left.file.size - 64 * kib);
    await expectRefusal(() => openDisk(left), 'image.qcow2.corrupt');
  });

  it('is repaired without being opened as a disk', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    const left = afterKill(world);
    await repairQcow2(left.file, left.log, environmentOf());
    expect(await checkQcow2(left.file)).toMatchObject({ corruptions: 0, leaks: 0, inUse: false, allocated: 1 });
    expect(isSame(await contentOf(await openDisk(left)), world.expected)).toBe(true);
  });
});

describe('a disk without a redo log', () => {
  it('answers changes of tables only when they are durable', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openQcow2({ file: world.file, environment: environmentOf() });
    await fill(disk, world, 0, 10, 1);
    const { syncs } = world.file;
    await fill(disk, world, 64 * kib, 10, 1);
    expect(world.file.syncs).toBe(syncs + 2);
    await fill(disk, world, 64 * kib, 10, 2);
    expect(world.file.syncs).toBe(syncs + 2);
    const again = await openDisk(afterKill(world), 'boot-2');
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });
});

describe('a disk whose files fail', () => {
  it('answers without its log when that cannot be written, and later with another', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    world.log.failing.write = noSpace();
    await fill(disk, world, 64 * kib, 10, 2);
    const left = afterKill(world);
    const between = await openDisk(left);
    expect(between.recovery).toBe('clean');
    expect(isSame(await contentOf(between), world.expected)).toBe(true);
    world.log.failing = {};
    await fill(disk, world, 128 * kib, 10, 3);
    const again = await openDisk(afterKill(world));
    expect(again.recovery).toBe('replayed');
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });

  it('goes on after the file system was full', async () => {
    const world = await makeDisk(1024 * kib, { base: 1024 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    world.file.failing.write = noSpace();
    await expect(disk.write(300 * kib, new Uint8Array(10).fill(2))).rejects.toThrow('no space left');
    await expect(disk.flush()).rejects.toThrow('no space left');
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    world.file.failing = {};
    await fill(disk, world, 300 * kib, 10, 3);
    await disk.flush();
    const again = await openDisk(afterKill(world), 'boot-2');
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
    await disk.close();
    expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });

  it('accepts nothing more once a sync has failed, and does not believe its log', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    await disk.flush();
    await disk.write(200 * kib, new Uint8Array(10).fill(2));
    world.file.failing.datasync = new Error('EIO');
    await expectRefusal(() => disk.flush(), 'image.qcow2.failed');
    world.file.failing = {};
    await expectRefusal(() => disk.flush(), 'image.qcow2.failed');
    await expectRefusal(() => disk.write(0, new Uint8Array(1)), 'image.qcow2.failed');
    expect((await disk.read(200 * kib, 1))[0]).toBe(2);
    const again = await openDisk(afterKill(world));
    expect(again.recovery).toBe('rolled-back');
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });

  it('uses freed clusters again although holes cannot be made', async () => {
    const world = await makeDisk(1024 * kib);
    world.file.failing.punch = new Error('not supported');
    const disk = await openDisk(world);
    await fill(disk, world, 0, 512 * kib, 1);
    const { size } = world.file;
    await disk.trim(0, 512 * kib);
    world.expected.fill(0);
    await disk.flush();
    expect(await disk.reclaim()).toBe(0);
    await fill(disk, world, 600 * kib, 100, 2);
    expect(world.file.size).toBe(size);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    await disk.close();
    expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });
});

describe('clusters that a checkpoint has freed', () => {
  it('are not used again while the log does not have what freed them', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 64 * kib, 1);
    await disk.flush();
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    const write = world.log.write.bind(world.log);
    world.log.write = async (offset, bytes) => {
      await held;
      await write(offset, bytes);
    };
    const trimmed = disk.trim(0, 64 * kib);
    const flushed = disk.flush();
    const other = disk.write(128 * kib, new Uint8Array(64 * kib).fill(2));
    await new Promise((resolve) => setImmediate(resolve));
    // The tables say by now that the cluster is free; killed here, the log would bring it back.
    expect(disk.stats().stale).toBe(0);
    release();
    await Promise.all([trimmed, flushed, other]);
    await disk.flush();
    expect(disk.stats().stale).toBe(64 * kib);
  });
});
