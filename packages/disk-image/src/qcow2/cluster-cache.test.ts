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

  it('reads neighbours in one go', async () => {
    const source = new MemoryFile(patternOf(size));
    const file = createClusterCache({ bytes: 4096 * kib }).open('a', source);
    await file.read(0, 512 * kib);
    expect(source.reads).toBe(1);
    await file.read(0, 640 * kib);
    expect(source.reads).toBe(2);
  });

  it('keeps what was used last, within its bound', async () => {
    const source = new MemoryFile(patternOf(size));
    const cache = createClusterCache({ bytes: 200 * kib });
    const file = cache.open('a', source);
    await file.read(0, 1);
    for (let at = 64 * kib; at < size; at += 64 * kib) {
      await file.read(at, 1);
      expect(file.read(0, 1)).toBeInstanceOf(Uint8Array);
      expect(cache.bytes).toBeLessThanOrEqual(200 * kib);
    }
    expect(file.read(64 * kib, 1)).toBeInstanceOf(Promise);
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
