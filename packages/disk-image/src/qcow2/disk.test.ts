import { describe, expect, it } from 'vitest';
import { expectRefusal } from '../../test/support/expect.js';
import { contentOf, fill, isSame, kib, makeDisk, openDisk, patternOf } from '../../test/support/qcow2/disk-world.js';
import { checkQcow2 } from '../index.js';

describe('a qcow2 disk', () => {
  it('reads what its base holds, and zeros behind it', async () => {
    const world = await makeDisk(1024 * kib, { base: 300 * kib });
    const disk = await openDisk(world);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    const target = new Uint8Array(5000).fill(9);
    await disk.readInto(298 * kib, target);
    expect(isSame(target, world.expected.subarray(298 * kib, 298 * kib + 5000))).toBe(true);
  });

  it.each([
    { clusterSize: 4 * kib, base: 1024 * kib },
    { clusterSize: 64 * kib, base: 1024 * kib },
    { clusterSize: 64 * kib, base: 0 },
    { clusterSize: 64 * kib, base: 100_352 },
    { clusterSize: 2048 * kib, base: 700 * kib },
  ])('keeps what was written, and what is around it ($clusterSize, $base)', async ({ clusterSize, base }) => {
    const world = await makeDisk(1024 * kib - 512, { base, clusterSize });
    const disk = await openDisk(world);
    const writes = [
      [100, 5],
      [65_000, 2000],
      [200 * kib, 300 * kib],
      [1023 * kib, 512],
      [64 * kib - 1, 2],
      [0, 1],
    ] as const;
    for (const [each, [at, length]] of writes.entries()) await fill(disk, world, at, length, 200 + each);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    await disk.close();
    const again = await openDisk(world);
    expect(again.recovery).toBe('clean');
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
    expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 0, inUse: false });
  });

  it('gives at once what is in memory', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await disk.read(0, 4096);
    expect(disk.read(8192, 4096)).toBeInstanceOf(Uint8Array);
  });

  it('gives at once what its file has in memory, and waits for the rest', async () => {
    const world = await makeDisk(1024 * kib, { base: 300 * kib });
    const disk = await openDisk(world);
    for (const [at, length] of [
      [10 * kib, 5000],
      [130 * kib, 70 * kib],
      [700 * kib, 3],
    ] as const)
      await fill(disk, world, at, length, at);
    const { file } = world;
    file.isInMemory = () => true;
    expect(disk.read(11 * kib, 512)).toBeInstanceOf(Uint8Array);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    file.isInMemory = () => false;
    expect(disk.read(11 * kib, 512)).toBeInstanceOf(Promise);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    let each = 0;
    file.isInMemory = () => (each += 1) % 3 === 0;
    const kept: [number, Uint8Array][] = [];
    for (let at = 0; at + 700 <= disk.size; at += 700) kept.push([at, await disk.read(at, 700)]);
    expect(kept.every(([at, bytes]) => isSame(bytes, world.expected.subarray(at, at + 700)))).toBe(true);
  });

  it('makes whole clusters and parts of them read as zeros', async () => {
    const world = await makeDisk(512 * kib, { base: 512 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 60 * kib, 100 * kib, 7);
    for (const [at, length] of [
      [10 * kib, 20],
      [50 * kib, 200 * kib],
      [256 * kib, 64 * kib],
      [400 * kib, 112 * kib],
    ] as const) {
      world.expected.fill(0, at, at + length);
      await disk.writeZeroes(at, length);
    }
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    await disk.close();
    expect(isSame(await contentOf(await openDisk(world)), world.expected)).toBe(true);
  });

  it('keeps room for zeros when asked to', async () => {
    const disk = await openDisk(await makeDisk(512 * kib, { base: 512 * kib }));
    await disk.writeZeroes(0, 128 * kib, { noHole: true });
    await disk.writeZeroes(128 * kib, 128 * kib);
    expect(await disk.status(0, 512 * kib, 10)).toEqual([
      { offset: 0, length: 128 * kib, zero: false, hole: false },
      { offset: 128 * kib, length: 128 * kib, zero: true, hole: true },
      { offset: 256 * kib, length: 256 * kib, zero: false, hole: false },
    ]);
    expect((await disk.read(0, 128 * kib)).every((byte) => byte === 0)).toBe(true);
  });

  it('trims whole clusters only, and never shows the base again', async () => {
    const world = await makeDisk(512 * kib, { base: 512 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 512 * kib, 9);
    await disk.trim(10, 200 * kib);
    world.expected.fill(0, 64 * kib, 192 * kib);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    await disk.trim(0, 512 * kib);
    expect((await contentOf(disk)).every((byte) => byte === 0)).toBe(true);
  });

  it('gives trimmed space back after a flush, and uses it again', async () => {
    const world = await makeDisk(8192 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 4096 * kib, 5);
    const { size } = world.file;
    await disk.trim(0, 4096 * kib);
    expect(disk.stats().stale).toBe(0);
    await disk.flush();
    expect(disk.stats().stale).toBe(4096 * kib);
    expect(await disk.reclaim()).toBe(4096 * kib);
    expect(world.file.punched.reduce((sum, { length }) => sum + length, 0)).toBe(4096 * kib);
    await disk.write(4096 * kib, patternOf(4096 * kib));
    expect(world.file.size).toBe(size);
    expect(isSame(await disk.read(4096 * kib, 4096 * kib), patternOf(4096 * kib))).toBe(true);
  });

  it('gives back long stretches first, and does not keep anybody waiting for many short ones', async () => {
    const world = await makeDisk(8192 * kib, { clusterSize: 4 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 8192 * kib, 5);
    await disk.flush();
    await disk.trim(4096 * kib, 1024 * kib);
    for (let at = 0; at < 4096; at += 8) await disk.trim(at * kib, 4 * kib);
    await disk.close();
    const lengths = world.file.punched.map(({ length }) => length / kib);
    expect([lengths[0], lengths.length]).toEqual([1024, 512]);
    expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 0 });
    const again = await openDisk(world);
    const size = world.file.size;
    for (let at = 0; at < 4096; at += 8) await again.write(at * kib, patternOf(4 * kib, 9));
    await again.write(4096 * kib, patternOf(1024 * kib, 9));
    expect(world.file.size).toBe(size);
    await again.close();
    expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 0 });
  });

  it('tells data, zeros and holes, through the overlay and its base', async () => {
    const data = [
      { offset: 0, length: 64 * kib },
      { offset: 256 * kib, length: 64 * kib },
    ];
    const disk = await openDisk(await makeDisk(1024 * kib, { base: 512 * kib, data }));
    await disk.write(128 * kib, new Uint8Array(10));
    await disk.writeZeroes(0, 64 * kib);
    const found = await disk.status(0, disk.size, 100);
    expect(found.map(({ offset, zero, hole }) => [offset / kib, zero, hole])).toEqual([
      [0, true, true],
      [128, false, false],
      [192, true, true],
      [256, false, false],
      [320, true, true],
    ]);
    expect(found.reduce((sum, { length }) => sum + length, 0)).toBe(disk.size);
    expect(await disk.status(0, disk.size, 2)).toEqual(found.slice(0, 2));
    expect(await disk.status(130 * kib, 20, 9)).toEqual([{ offset: 130 * kib, length: 20, zero: false, hole: false }]);
  });

  it('does nothing for a trim of what is zero already', async () => {
    const disk = await openDisk(
      await makeDisk(1024 * kib, { base: 512 * kib, data: [{ offset: 0, length: 64 * kib }] }),
    );
    await disk.trim(64 * kib, 960 * kib);
    expect(disk.stats().pending).toBe(0);
    await disk.trim(0, 1024 * kib);
    expect(disk.stats().pending).toBe(1);
  });

  it('keeps the order of writes that overlap while all are under way', async () => {
    const world = await makeDisk(1024 * kib, { base: 1024 * kib });
    const disk = await openDisk(world);
    const all: Promise<void>[] = [];
    for (let each = 0; each < 200; each++) {
      const at = (each * 7919 * 13) % (900 * kib);
      if (each % 10 === 9) {
        world.expected.fill(0, at, at + 100 * kib);
        all.push(disk.writeZeroes(at, 100 * kib));
      } else all.push(fill(disk, world, at, 3000 + each * 100, 1 + each));
    }
    all.push(disk.flush());
    await Promise.all(all);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
  });

  it('refuses what does not lie within it', async () => {
    const disk = await openDisk(await makeDisk(64 * kib));
    await expectRefusal(() => disk.write(64 * kib - 1, new Uint8Array(2)), 'image.qcow2.range');
    await expectRefusal(() => disk.trim(-1, 1), 'image.qcow2.range');
    await expectRefusal(() => disk.writeZeroes(0, Infinity), 'image.qcow2.range');
    await expectRefusal(async () => disk.read(0.5, 65_536), 'image.qcow2.range');
    await disk.write(0, new Uint8Array(0));
    await disk.close();
    await expectRefusal(() => disk.write(0, new Uint8Array(1)), 'image.qcow2.closed');
    await expectRefusal(async () => disk.read(0, 1), 'image.qcow2.closed');
  });

  it('is refused without its base, and with one that it does not have', async () => {
    const over = await makeDisk(64 * kib, { base: 64 * kib });
    await expectRefusal(() => openDisk({ ...over, base: undefined }), 'image.qcow2.backing');
    await expectRefusal(
      async () => openDisk({ ...(await makeDisk(64 * kib)), base: over.base }),
      'image.qcow2.backing',
    );
  });
});
