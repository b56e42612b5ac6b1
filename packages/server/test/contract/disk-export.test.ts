import { describe, expect, it, onTestFinished } from 'vitest';
import type { DiskContent, DiskExport, DiskExtent } from '../../src/app/disks/ports.js';
import { createDiskExport, createImageExport, openDiskFiles } from '../../src/adapters/disks/index.js';
import { baseIds, kib, makeBase, mib, openDiskHouse } from '../disks/disk-house.js';
import { DiskModel } from '../disks/model.js';
import { temporaryFolder } from './support/folders.js';

const folder = temporaryFolder();
const size = 4 * mib;
const base = new DiskModel(baseIds(size)).bytes();
/** In the base, data ends here and a hole begins. */
const hole = 1900 * 512;
const cluster = 64 * kib;
let disks = 0;

async function diskExport(): Promise<{ disk: DiskExport; released: () => number; close: () => Promise<void> }> {
  const name = `disk-${(disks += 1)}`;
  if (disks === 1) await makeBase(folder, size);
  const house = await openDiskHouse({ folder });
  const opened = await openDiskFiles(await house.create(name), house.deps);
  let released = 0;
  let closed: Promise<void> | undefined;
  const close = (): Promise<void> => (closed ??= opened.close().then(() => house.close()));
  onTestFinished(close);
  const facts = { label: name, description: 'a test', release: () => void (released += 1) };
  return { disk: createDiskExport(opened.disk, facts), released: () => released, close };
}

const bytesOf = (content: DiskContent): Buffer => {
  const pieces = content instanceof Uint8Array ? [content] : content;
  return Buffer.concat(pieces.map((piece) => (piece instanceof Uint8Array ? piece : Buffer.alloc(piece.zeroes))));
};

const extents = async (disk: DiskExport, offset: number, length: number, one = false): Promise<DiskExtent[]> => [
  ...(await disk.blockStatus!(offset, length, one)),
];

const plain = { fua: false, noHole: false, fast: false };

describe('the export of a disk', () => {
  it('says what it is', async () => {
    const { disk } = await diskExport();
    expect(disk).toMatchObject({ size, readOnly: false, canMultiConn: true, description: 'a test' });
    expect(disk.blockSize.minimum).toBe(1);
  });

  it('reads the base until something is written, wherever that begins and ends', async () => {
    const { disk } = await diskExport();
    const expected = Buffer.from(base);
    expect(bytesOf(await disk.read(1000, 100_000)).equals(expected.subarray(1000, 101_000))).toBe(true);
    for (const [offset, length, fua] of [
      [7, 1, false],
      [cluster - 3, 10, true],
      [hole - 100, cluster * 3, false],
    ] as const) {
      await disk.write(offset, Buffer.alloc(length, 0x77), fua);
      expected.fill(0x77, offset, offset + length);
    }
    await disk.flush!();
    expect(bytesOf(await disk.read(0, size)).equals(expected)).toBe(true);
    expect(bytesOf(await disk.read(5, 0))).toHaveLength(0);
  });

  it('tells zeroes without sending them', async () => {
    const { disk } = await diskExport();
    await disk.read(0, 1);
    expect(await disk.read(16 * cluster + 100, 65_536)).toEqual([{ zeroes: 65_536 }]);
    await disk.trim!(0, 2 * cluster, false);
    expect(await disk.read(4096, cluster)).toEqual([{ zeroes: cluster }]);
  });

  it('tells what has space and what reads as zeroes', async () => {
    const { disk } = await diskExport();
    await disk.write(16 * cluster, Buffer.alloc(cluster, 1), false);
    await disk.writeZeroes!(0, cluster, plain);
    await disk.writeZeroes!(17 * cluster, cluster, { ...plain, noHole: true });
    const found = await extents(disk, 0, 19 * cluster);
    // The base has data up to 1900 sectors, found in pieces of 64 KiB.
    expect(found).toEqual([
      { length: cluster, flags: 3 },
      { length: 14 * cluster, flags: 0 },
      { length: cluster, flags: 3 },
      { length: 2 * cluster, flags: 0 },
      { length: cluster, flags: 3 },
    ]);
    expect(await extents(disk, 100, 5 * cluster, true)).toEqual([{ length: cluster - 100, flags: 3 }]);
  });

  it('makes zeroes of whole clusters and of parts, and trims whole clusters only', async () => {
    const { disk } = await diskExport();
    const expected = Buffer.from(base);
    await disk.writeZeroes!(100, 3 * cluster, plain);
    expected.fill(0, 100, 100 + 3 * cluster);
    await disk.trim!(5 * cluster + 1, 2 * cluster, true);
    expected.fill(0, 6 * cluster, 7 * cluster);
    expect(bytesOf(await disk.read(0, size)).equals(expected)).toBe(true);
  });

  it('refuses zeroes that shall be fast and are not, without changing anything', async () => {
    const { disk } = await diskExport();
    const fast = { ...plain, fast: true };
    await expect(disk.writeZeroes!(100, 4096, fast)).rejects.toMatchObject({ code: 'ENOTSUP' });
    await expect(disk.writeZeroes!(0, cluster, { ...fast, noHole: true })).rejects.toMatchObject({ code: 'ENOTSUP' });
    expect(bytesOf(await disk.read(0, size)).equals(base)).toBe(true);
    await disk.writeZeroes!(100, 2 * cluster, fast);
    await disk.writeZeroes!(cluster + 200, 512, fast);
    expect(bytesOf(await disk.read(100, 2 * cluster)).equals(Buffer.alloc(2 * cluster))).toBe(true);
  });

  it('has in memory what was to be cached', async () => {
    const { disk } = await diskExport();
    await disk.cache!(0, 8 * cluster);
    expect(await disk.cache!(0, size)).toBeUndefined();
    expect(disk.read(3 * cluster, 4096)).toBeInstanceOf(Uint8Array);
  });

  it('refuses what is not on the disk', async () => {
    const { disk } = await diskExport();
    const einval = { code: 'EINVAL' };
    await expect(disk.write(size - 1, Buffer.alloc(2), false)).rejects.toMatchObject(einval);
    await expect(disk.trim!(size, 512, false)).rejects.toMatchObject(einval);
    expect(() => disk.read(size, 1)).toThrow(expect.objectContaining(einval) as Error);
  });

  it('lets go once, and is told to shut down once the disk is closed', async () => {
    const { disk, released, close } = await diskExport();
    await disk.close();
    expect(released()).toBe(1);
    await close();
    const shut = { code: 'ESHUTDOWN' };
    await expect(disk.write(0, Buffer.alloc(1), false)).rejects.toMatchObject(shut);
    await expect(disk.flush!()).rejects.toMatchObject(shut);
    expect(() => disk.read(0, 1)).toThrow(expect.objectContaining(shut) as Error);
  });
});

describe('the export of an image', () => {
  it('is read-only and shows all of it, holes as such', async () => {
    const house = await openDiskHouse({ folder });
    onTestFinished(() => house.close());
    const image = createImageExport(house.base.view, { label: 'image', release: () => undefined });
    expect(image).toMatchObject({ size, readOnly: true, canMultiConn: true });
    expect(bytesOf(await image.read(0, size)).equals(base)).toBe(true);
    expect(await image.read(16 * cluster, 4096)).toEqual([{ zeroes: 4096 }]);
    const status = await extents(image, 0, 20 * cluster);
    expect(status).toEqual([
      { length: 15 * cluster, flags: 0 },
      { length: 5 * cluster, flags: 3 },
    ]);
    await expect(image.write(0, Buffer.alloc(1), false)).rejects.toMatchObject({ code: 'EROFS' });
    expect(Object.keys(image)).not.toContain('trim');
    await image.cache!(0, size);
    await image.close();
  });
});
