import { describe, expect, it } from 'vitest';
import { MemoryFile } from '../../test/support/qcow2/memory-file.js';
import { environmentOf, isSame, kib, patternOf } from '../../test/support/qcow2/disk-world.js';
import { createClusterCache, createQcow2, openQcow2, rawView, type BlockSource } from '../index.js';

const size = 1000 * kib + 300;

describe('the cache of base clusters', () => {
  it('reads what is there, across clusters and up to the end', async () => {
    const content = patternOf(size);
    const file = createClusterCache({ bytes: 4096 * kib }).open('a', new MemoryFile(content));
    for (const [at, length] of [
      [0, 10],
      [64 * kib - 5, 10],
      [1000, 500 * kib],
      [size - 7, 7],
      [900 * kib, size - 900 * kib],
      [0, size],
      [5, 0],
    ] as const) {
      for (let twice = 0; twice < 2; twice++) {
        expect(isSame(await file.read(at, length), content.subarray(at, at + length)), `${length} at ${at}`).toBe(true);
        const target = new Uint8Array(length);
        await file.readInto(at, target);
        expect(isSame(target, content.subarray(at, at + length))).toBe(true);
      }
    }
  });

  it('costs one read for a hundred disks that want the same cluster at once', async () => {
    const source = new MemoryFile(patternOf(size));
    const cache = createClusterCache({ bytes: 4096 * kib });
    const environment = environmentOf();
    const disks = await Promise.all(
      Array.from({ length: 100 }, async () => {
        const file = new MemoryFile();
        await createQcow2(file, { size: 1024 * kib, backing: { name: 'base', format: 'raw' } });
        return openQcow2({ file, base: rawView(cache.open('sha256:a', source)), environment });
      }),
    );
    const before = source.reads;
    const found = await Promise.all(disks.map(async (disk) => disk.read(70 * kib, 4096)));
    expect(source.reads - before).toBe(1);
    const expected = source.bytes.subarray(70 * kib, 70 * kib + 4096);
    expect(found.every((bytes) => isSame(bytes, expected))).toBe(true);
    expect(cache).toMatchObject({ misses: 1, hits: 99 });
    // The table of a fresh overlay is in memory by now, and so is the cluster.
    expect(disks[0]?.read(80 * kib, 4096)).toBeInstanceOf(Uint8Array);
  });

  it('takes what it does not keep from what the file has in memory', async () => {
    const source = new MemoryFile(patternOf(size));
    const cache = createClusterCache({ bytes: 64 * kib });
    const file = cache.open('a', source);
    for (let twice = 0; twice < 3; twice++) await file.read(0, 4096);
    source.isInMemory = () => true;
    const found = file.read(200 * kib, 4096);
    expect(found).toBeInstanceOf(Uint8Array);
    expect(isSame(await found, source.bytes.subarray(200 * kib, 204 * kib))).toBe(true);
    const target = new Uint8Array(100 * kib);
    expect(file.readInto(200 * kib, target)).toBe(undefined);
    expect(isSame(target, source.bytes.subarray(200 * kib, 300 * kib))).toBe(true);
    expect(cache.readBytes).toBe((64 + 4 + 100) * kib);
    expect(source.reads).toBe(1);
  });

  it('reads neighbours in one go', async () => {
    const source = new MemoryFile(patternOf(size));
    const file = createClusterCache({ bytes: 4096 * kib }).open('a', source);
    await file.read(0, 512 * kib);
    expect(source.reads).toBe(1);
    await file.read(0, 640 * kib);
    expect(source.reads).toBe(2);
  });

  it('keeps what is used again and again, within its bound, whatever is read once', async () => {
    const source = new MemoryFile(patternOf(size));
    const cache = createClusterCache({ bytes: 200 * kib });
    const file = cache.open('a', source);
    await file.read(0, 1);
    for (let at = 64 * kib; at < size; at += 64 * kib) {
      await file.read(at, 100 * kib < size - at ? 100 * kib : 1);
      expect(file.read(0, 1)).toBeInstanceOf(Uint8Array);
      expect(cache.bytes).toBeLessThanOrEqual(200 * kib);
    }
  });

  it('reads no more than was asked for of what it does not keep', async () => {
    const source = new MemoryFile(patternOf(size));
    const cache = createClusterCache({ bytes: 200 * kib });
    const file = cache.open('a', source);
    for (let at = 0; at < size; at += 64 * kib) await file.read(at, 512);
    expect(cache.readBytes).toBe(3 * 64 * kib + (Math.ceil(size / (64 * kib)) - 3) * 512);
  });

  it('keeps what several want at the same time, also when it is full', async () => {
    const source = new MemoryFile(patternOf(size));
    const cache = createClusterCache({ bytes: 200 * kib });
    const file = cache.open('a', source);
    for (const at of [0, 64 * kib, 128 * kib]) for (let times = 0; times < 20; times++) await file.read(at, 1);
    const before = cache.readBytes;
    const reads = Array.from({ length: 100 }, async () => file.read(640 * kib + 100, 4096));
    for (const bytes of await Promise.all(reads)) {
      expect(isSame(bytes, source.bytes.subarray(640 * kib + 100, 640 * kib + 4196))).toBe(true);
    }
    expect(cache.readBytes - before).toBe(4096 + 64 * kib);
    expect(cache.bytes).toBeLessThanOrEqual(200 * kib);
  });

  it('makes room for what is wanted more often than what it has', async () => {
    const cache = createClusterCache({ bytes: 200 * kib });
    const file = cache.open('a', new MemoryFile(patternOf(size)));
    for (const at of [0, 64 * kib, 128 * kib]) await file.read(at, 1);
    for (let times = 0; times < 3; times++) expect(file.read(640 * kib, 1)).toBeInstanceOf(Promise);
    await file.read(640 * kib, 1);
    expect(file.read(640 * kib, 1)).toBeInstanceOf(Uint8Array);
    expect(file.read(64 * kib, 1)).toBeInstanceOf(Uint8Array);
    expect(file.read(0, 1)).toBeInstanceOf(Promise);
  });

  it('changes nothing for one who reads everything over and over', async () => {
    const cache = createClusterCache({ bytes: 200 * kib });
    const file = cache.open('a', new MemoryFile(patternOf(size)));
    const scan = async (): Promise<number> => {
      const before = cache.readBytes;
      for (let at = 0; at < size; at += 64 * kib) await file.read(at, 512);
      return cache.readBytes - before;
    };
    await scan();
    for (let times = 0; times < 200; times++) expect(await scan()).toBe((Math.ceil(size / (64 * kib)) - 3) * 512);
  });

  it('forgets what was wanted long ago', async () => {
    const cache = createClusterCache({ bytes: 200 * kib });
    const file = cache.open('a', new MemoryFile(patternOf(size)));
    for (const at of [0, 64 * kib, 128 * kib]) for (let times = 0; times < 300; times++) await file.read(at, 1);
    for (let times = 0; times < 10_000; times++) await file.read(640 * kib, 1);
    expect(file.read(640 * kib, 1)).toBeInstanceOf(Uint8Array);
  });

  it('holds its bound also while everything is on its way', async () => {
    const cache = createClusterCache({ bytes: 200 * kib });
    const file = cache.open('a', new MemoryFile(patternOf(size)));
    const reads = [0, 3, 6, 9].map((index) => file.read(index * 64 * kib, 128 * kib));
    expect(cache.bytes).toBeLessThanOrEqual(200 * kib);
    for (const read of reads) await read;
    expect(cache.bytes).toBeLessThanOrEqual(200 * kib);
  });

  it('tells files with different digests apart, and not those with the same', async () => {
    const cache = createClusterCache({ bytes: 4096 * kib });
    const [a, b] = [new MemoryFile(patternOf(size, 1)), new MemoryFile(patternOf(size, 2))];
    await cache.open('a', a).read(0, 10);
    expect(isSame(await cache.open('b', b).read(0, 10), patternOf(10, 2))).toBe(true);
    const same = new MemoryFile(patternOf(size, 1));
    await cache.open('a', same).read(0, 10);
    expect(same.reads).toBe(0);
  });

  it('forgets what could not be read', async () => {
    const inner = new MemoryFile(patternOf(size));
    let fails = true;
    const source: BlockSource = {
      size,
      readInto: async (offset, target) => {
        if (fails) throw new Error('EIO');
        await inner.readInto(offset, target);
      },
    };
    const cache = createClusterCache({ bytes: 4096 * kib });
    const file = cache.open('a', source);
    await expect(file.read(0, 10)).rejects.toThrow('EIO');
    await expect(file.readInto(0, new Uint8Array(200 * kib))).rejects.toThrow('EIO');
    fails = false;
    expect(isSame(await file.read(0, 10), patternOf(10))).toBe(true);
    expect(cache.bytes).toBe(64 * kib);
  });
});
