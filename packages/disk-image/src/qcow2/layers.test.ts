import { describe, expect, it } from 'vitest';
import { expectRefusal } from '../../test/support/expect.js';
import {
  contentOf,
  environmentOf,
  fill,
  isSame,
  kib,
  makeDisk,
  openDisk,
  patternOf,
  type DiskWorld,
} from '../../test/support/qcow2/disk-world.js';
import { MemoryFile } from '../../test/support/qcow2/memory-file.js';
import {
  checkQcow2,
  compactQcow2,
  createQcow2,
  mostLayers,
  openLayer,
  openQcow2,
  readQcow2Header,
  type DiskView,
  type Layer,
  type Qcow2Disk,
} from '../index.js';

const environment = environmentOf();
const backing = { name: '/images/base.img', format: 'raw' };

/** A disk with two frozen overlays, each of which has data and zeros of its own. */
async function stacked(): Promise<{ world: DiskWorld; disk: Qcow2Disk; layers: Layer[]; top: MemoryFile }> {
  const world = await makeDisk(1024 * kib, { base: 700 * kib });
  const disk = await openDisk(world);
  const layers: Layer[] = [];
  let top = world.file;
  for (const each of [1, 2]) {
    await fill(disk, world, each * 100 * kib, 90 * kib, 100 + each);
    await disk.trim(each * 320 * kib, 64 * kib);
    world.expected.fill(0, each * 320 * kib, each * 320 * kib + 64 * kib);
    top = new MemoryFile();
    layers.unshift(await disk.snapshot({ file: top, log: new MemoryFile(), backingName: `layer-${each}` }));
  }
  await fill(disk, world, 500 * kib, 10, 103);
  return { world, disk, layers, top };
}

describe('a snapshot', () => {
  it('keeps its content while the disk goes on', async () => {
    const world = await makeDisk(1024 * kib, { base: 700 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 10 * kib, 100 * kib, 1);
    const frozen = Uint8Array.from(world.expected);
    const size = world.file.size;
    const top = new MemoryFile();
    const layer = await disk.snapshot({ file: top, log: new MemoryFile(), backingName: 'overlay-1' });
    await fill(disk, world, 0, 300 * kib, 2);
    await disk.trim(640 * kib, 64 * kib);
    world.expected.fill(0, 640 * kib, 704 * kib);
    expect(isSame(await contentOf(layer.view), frozen)).toBe(true);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    expect(world.file.size).toBe(size);
    expect((await readQcow2Header(top)).backing).toEqual({ name: 'overlay-1', format: 'qcow2' });
    expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 0, inUse: false });
    await disk.close();
    const layers = [await openLayer({ file: world.file, below: world.base, environment })];
    const again = await openQcow2({ file: top, layers, base: world.base, environment });
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });

  it('is not made of an image that is still written to, or was left so', async () => {
    const world = await makeDisk(1024 * kib, { base: 700 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 100, 1);
    const open = (): Promise<Layer> => openLayer({ file: world.file, below: world.base, environment });
    await expectRefusal(open, 'image.qcow2.backing');
    await disk.close();
    expect(isSame(await contentOf((await open()).view), world.expected)).toBe(true);
    await expectRefusal(() => disk.reclaim(), 'image.qcow2.closed');
  });

  it('changes nothing when it cannot be published', async () => {
    const world = await makeDisk(1024 * kib);
    const disk = await openDisk(world);
    await fill(disk, world, 0, 10, 1);
    const publish = (): Promise<void> => Promise.reject(new Error('no such folder'));
    await expect(disk.snapshot({ file: new MemoryFile(), backingName: 'x', publish })).rejects.toThrow(
      'no such folder',
    );
    await fill(disk, world, 300 * kib, 10, 2);
    expect(disk.stats().layers).toBe(0);
    await disk.close();
    expect(isSame(await contentOf(await openDisk(world)), world.expected)).toBe(true);
  });

  it('serves many clones, each of which costs tables only', async () => {
    const { world, disk, layers } = await stacked();
    await disk.close();
    const [layer] = layers as [Layer];
    const frozen = await contentOf(layer.view);
    for (const each of [1, 2, 3]) {
      const file = new MemoryFile();
      await createQcow2(file, { size: layer.view.size, backing: { name: 'layer-2', format: 'qcow2' } });
      expect(file.writes).toBeLessThanOrEqual(5);
      const clone = await openQcow2({ file, log: new MemoryFile(), layers, base: world.base, environment });
      await clone.write(0, new Uint8Array(5).fill(each));
      const expected = Uint8Array.from(frozen);
      expected.fill(each, 0, 5);
      expect(isSame(await contentOf(clone), expected)).toBe(true);
    }
    expect(isSame(await contentOf(layer.view), frozen)).toBe(true);
  });

  it('is refused when too many overlays would lie on each other', async () => {
    const disk = await openDisk(await makeDisk(64 * kib, { clusterSize: 4 * kib }));
    for (let each = 0; each < mostLayers; each++) {
      await disk.snapshot({ file: new MemoryFile(), log: new MemoryFile(), backingName: `layer-${each}` });
    }
    await expectRefusal(() => disk.snapshot({ file: new MemoryFile(), backingName: 'layer' }), 'image.qcow2.backing');
    await disk.flatten({ onto: 'nothing' });
    await disk.snapshot({ file: new MemoryFile(), backingName: 'layer' });
    expect(disk.stats().layers).toBe(1);
  });
});

describe('flattening', () => {
  it('copies what frozen overlays hold, and stays on the base', async () => {
    const { world, disk, top } = await stacked();
    const progress: number[] = [];
    const dropped = await disk.flatten({ onto: 'base', backing, onProgress: ({ done }) => progress.push(done) });
    expect(dropped).toHaveLength(2);
    expect(progress.at(-1)).toBe(disk.size);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    // 6 clusters of data: 100 to 190 KiB, 200 to 290 KiB, and the one at 500 KiB.
    await disk.close();
    expect(await checkQcow2(top)).toMatchObject({ corruptions: 0, leaks: 0, allocated: 5, backing });
    const again = await openQcow2({ file: top, base: world.base, environment });
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });

  it('copies the base as well when asked to', async () => {
    const { world, disk, top } = await stacked();
    await disk.flatten({ onto: 'nothing' });
    await disk.close();
    expect((await readQcow2Header(top)).backing).toBeUndefined();
    const again = await openQcow2({ file: top, environment });
    expect(isSame(await contentOf(again), world.expected)).toBe(true);
  });

  it('loses nothing that is written meanwhile', async () => {
    const { world, disk } = await stacked();
    const done = disk.flatten({ onto: 'base', backing });
    for (let at = 0; at < 1000; at += 37) await fill(disk, world, at * kib, 3 * kib, at % 251);
    await done;
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
  });

  it('can be cancelled, and then goes on where it was', async () => {
    const world = await makeDisk(4096 * kib, { base: 4096 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 4096 * kib, 3);
    await disk.snapshot({ file: new MemoryFile(), log: new MemoryFile(), backingName: 'layer' });
    const abort = new AbortController();
    const onProgress = (): void => abort.abort(new Error('enough'));
    await expect(disk.flatten({ onto: 'base', backing, signal: abort.signal, onProgress })).rejects.toThrow('enough');
    expect(disk.stats().layers).toBe(1);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
    await disk.flatten({ onto: 'base', backing });
    expect(disk.stats().layers).toBe(0);
    expect(isSame(await contentOf(disk), world.expected)).toBe(true);
  });

  it('ends when the disk is closed or becomes smaller, and loses nothing', async () => {
    const world = await makeDisk(4096 * kib, { base: 4096 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 3000 * kib, 3);
    const top = new MemoryFile();
    await disk.snapshot({ file: top, log: new MemoryFile(), backingName: 'layer' });
    await disk.writeZeroes(2048 * kib, 2048 * kib);
    let changes: Promise<void>[] = [];
    const onProgress = (): void => void (changes = [disk.resize(1500 * kib, { shrink: true }), disk.close()]);
    await expectRefusal(() => disk.flatten({ onto: 'base', backing, onProgress }), 'image.qcow2.closed');
    await expectRefusal(() => changes[0]!, 'image.qcow2.shrink');
    await changes[1];
    expect(await checkQcow2(top)).toMatchObject({ corruptions: 0, leaks: 0, inUse: false });
  });

  it('goes on with a disk that becomes smaller meanwhile', async () => {
    const world = await makeDisk(4096 * kib, { base: 4096 * kib });
    const disk = await openDisk(world);
    await fill(disk, world, 0, 4096 * kib, 3);
    const top = new MemoryFile();
    await disk.snapshot({ file: top, log: new MemoryFile(), backingName: 'layer' });
    await disk.writeZeroes(1500 * kib, 2596 * kib);
    const resized: Promise<void>[] = [];
    const onProgress = (): void => {
      if (resized.length === 0) resized.push(disk.resize(1500 * kib, { shrink: true }));
    };
    await disk.flatten({ onto: 'base', backing, onProgress });
    await Promise.all(resized);
    expect(isSame(await contentOf(disk), world.expected.subarray(0, 1500 * kib))).toBe(true);
    await disk.resize(4096 * kib);
    expect(isSame(await disk.read(1500 * kib, 2596 * kib), new Uint8Array(2596 * kib))).toBe(true);
    await disk.close();
    expect(await checkQcow2(top)).toMatchObject({ corruptions: 0, leaks: 0 });
  });

  it('asks for the name of the base', async () => {
    const { disk } = await stacked();
    await expectRefusal(() => disk.flatten({ onto: 'base' }), 'image.qcow2.backing');
  });
});

describe('compacting', () => {
  it('puts frozen overlays together without what is free or zero', async () => {
    const { world, disk, layers } = await stacked();
    await disk.close();
    const [layer] = layers as [Layer];
    const target = new MemoryFile();
    const options = { layers: [layer, ...layers.slice(1)] as [Layer, ...Layer[]], below: world.base, backing, target };
    await compactQcow2({ ...options, environment });
    expect(await checkQcow2(target)).toMatchObject({ corruptions: 0, leaks: 0, allocated: 4, inUse: false });
    const compacted = await openLayer({ file: target, below: world.base, environment });
    expect(isSame(await contentOf(compacted.view), await contentOf(layer.view))).toBe(true);
  });

  it('finds zeros and brings fragments together', async () => {
    const world = await makeDisk(2048 * kib);
    const disk = await openDisk(world);
    for (const at of [9, 3, 7, 5, 1, 30, 20]) await fill(disk, world, at * 64 * kib, 64 * kib, at);
    await fill(disk, world, 5 * 64 * kib, 64 * kib, 0);
    await disk.close();
    expect((await checkQcow2(world.file)).fragmentation).toBeGreaterThan(90);
    const layer = await openLayer({ file: world.file, below: undefined, environment });
    const target = new MemoryFile();
    await compactQcow2({ layers: [layer], below: undefined, target, environment });
    expect(await checkQcow2(target)).toMatchObject({ allocated: 6, fragmentation: 0 });
    const compacted = await openLayer({ file: target, below: undefined, environment });
    expect(isSame(await contentOf(compacted.view), world.expected)).toBe(true);
  });
});

describe('a new size', () => {
  it.each([4 * kib, 64 * kib])(
    'is larger, and shows zeros even where the base holds more (%s)',
    async (clusterSize) => {
      const world = await makeDisk(512 * kib + 512, { base: 1024 * kib, clusterSize });
      const disk = await openDisk(world);
      await fill(disk, world, 512 * kib, 512, 7);
      const old = world.expected;
      await disk.resize(300 * 1024 * kib);
      expect(disk.size).toBe(300 * 1024 * kib);
      expect(isSame(await disk.read(0, old.length), old)).toBe(true);
      expect((await disk.read(old.length, 1024 * kib)).every((byte) => byte === 0)).toBe(true);
      await disk.write(disk.size - 512, patternOf(512));
      await disk.close();
      expect(await checkQcow2(world.file)).toMatchObject({ corruptions: 0, leaks: 0, size: 300 * 1024 * kib });
      const again = await openDisk(world);
      expect(isSame(await again.read(again.size - 512, 512), patternOf(512))).toBe(true);
    },
  );

  it('is smaller only when asked for and when nothing is lost', async () => {
    const world = await makeDisk(1024 * kib, { base: 1024 * kib });
    const disk = await openDisk(world);
    await expectRefusal(() => disk.resize(512 * kib), 'image.qcow2.shrink');
    await expectRefusal(() => disk.resize(512 * kib, { shrink: true }), 'image.qcow2.shrink');
    await disk.writeZeroes(500 * kib, 524 * kib);
    await disk.resize(500 * kib, { shrink: true });
    expect(disk.size).toBe(500 * kib);
    await expectRefusal(() => disk.write(500 * kib, new Uint8Array(1)), 'image.qcow2.range');
    await disk.resize(1024 * kib);
    expect((await disk.read(500 * kib, 524 * kib)).every((byte) => byte === 0)).toBe(true);
    expect(isSame(await disk.read(0, 500 * kib), world.expected.subarray(0, 500 * kib))).toBe(true);
  });

  it('is refused when it cannot be', async () => {
    const disk = await openDisk(await makeDisk(64 * kib));
    for (const size of [0, 100, 2 ** 60, NaN]) await expectRefusal(() => disk.resize(size), 'image.qcow2.parameter');
  });
});

describe('what comes from the base', () => {
  const clusters = (view: DiskView, count: number): Promise<boolean[]> =>
    Promise.all(Array.from({ length: count }, async (_, index) => view.fromBase(index * 64 * kib, 64 * kib)));

  it('is what no overlay has, as data or as zeros, and what the base reaches', async () => {
    const { disk, layers } = await stacked();
    const upTo = (own: readonly number[]): boolean[] =>
      Array.from({ length: 16 }, (_, index) => index < 10 && !own.includes(index));
    expect(await clusters(disk, 16)).toEqual(upTo([1, 2, 3, 4, 5, 7]));
    expect(await clusters(layers[1]?.view as DiskView, 16)).toEqual(upTo([1, 2, 5]));
    expect(await disk.fromBase(8 * 64 * kib, 2 * 64 * kib)).toBe(true);
    expect(await disk.fromBase(8 * 64 * kib - 1, 2)).toBe(false);
    expect(await disk.fromBase(9 * 64 * kib, 64 * kib + 1)).toBe(false);
    expect(await disk.fromBase(0, 0)).toBe(true);
    await disk.write(9 * 64 * kib + 5, Uint8Array.of(1));
    expect(await disk.fromBase(9 * 64 * kib, 100)).toBe(false);
    await expectRefusal(async () => disk.fromBase(1024 * kib, 1), 'image.qcow2.range');
  });

  it('is the same after the disk was opened again and flattened, and nothing without a base', async () => {
    const { disk } = await stacked();
    const before = await clusters(disk, 16);
    await disk.flatten({ onto: 'base', backing });
    expect(await clusters(disk, 16)).toEqual(before);
    await disk.flatten({ onto: 'nothing' });
    expect(await clusters(disk, 16)).toEqual(Array.from({ length: 16 }, () => false));
  });

  it('is all of an overlay in which nothing was written', async () => {
    const world = await makeDisk(1024 * kib, { base: 700 * kib });
    const disk = await openDisk(world);
    expect(await disk.fromBase(0, 700 * kib)).toBe(true);
    expect(await disk.fromBase(0, 700 * kib + 1)).toBe(false);
  });
});
