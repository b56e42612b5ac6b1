import { describe, expect, it } from 'vitest';
import { expectRefusal } from '../test/support/expect.js';
import { cachedSource, memorySource, readExtents, windowOf, type RandomAccess } from './source.js';

const numbers = Uint8Array.from({ length: 100 }, (_, i) => i);

/** A source that notes what is asked of it. */
function recording(bytes: Uint8Array): RandomAccess & { asked: [number, number][] } {
  const inner = memorySource(bytes);
  const asked: [number, number][] = [];
  return {
    size: inner.size,
    asked,
    read: async (offset, length) => {
      asked.push([offset, length]);
      return inner.read(offset, length);
    },
  };
}

describe('memorySource and windowOf', () => {
  it('gives exactly the bytes asked for', async () => {
    const window = windowOf(memorySource(numbers), 10, 20);
    expect([...(await window.read(5, 3))]).toEqual([15, 16, 17]);
    expect(window.size).toBe(20);
    expect(await window.read(20, 0)).toHaveLength(0);
  });

  it('refuses to read past the end, also of a window inside more bytes', async () => {
    const window = windowOf(memorySource(numbers), 10, 20);
    await expectRefusal(() => window.read(18, 3), 'image.truncated');
    await expectRefusal(() => window.read(-1, 3), 'image.truncated');
    await expectRefusal(() => memorySource(numbers).read(99, 2), 'image.truncated');
    await expectRefusal(async () => windowOf(memorySource(numbers), 90, 11), 'image.truncated');
  });
});

describe('cachedSource', () => {
  it('reads whole pages once and joins what spans several', async () => {
    const source = recording(numbers);
    const cached = cachedSource(source, { pageSize: 16, pages: 4 });
    expect([...(await cached.read(14, 4))]).toEqual([14, 15, 16, 17]);
    expect([...(await cached.read(0, 2))]).toEqual([0, 1]);
    expect([...(await cached.read(97, 3))]).toEqual([97, 98, 99]);
    expect(source.asked).toEqual([
      [0, 16],
      [16, 16],
      [96, 4],
    ]);
  });

  it('lets long reads through and forgets the page used longest ago', async () => {
    const source = recording(numbers);
    const cached = cachedSource(source, { pageSize: 10, pages: 2 });
    expect(await cached.read(0, 50)).toHaveLength(50);
    for (const at of [0, 10, 0, 20, 0, 10]) await cached.read(at, 1);
    expect(source.asked.map(([at]) => at)).toEqual([0, 0, 10, 20, 10]);
  });

  it('does not keep a failure', async () => {
    let fail = true;
    const inner = memorySource(numbers);
    const flaky: RandomAccess = {
      size: 100,
      read: async (offset, length) => {
        if (fail) throw new Error('a bad cable');
        return inner.read(offset, length);
      },
    };
    const cached = cachedSource(flaky, { pageSize: 16, pages: 2 });
    await expect(cached.read(0, 1)).rejects.toThrow('a bad cable');
    fail = false;
    expect([...(await cached.read(0, 1))]).toEqual([0]);
    await expectRefusal(() => cached.read(99, 2), 'image.truncated');
  });
});

describe('readExtents', () => {
  it('puts pieces together in their order', async () => {
    const bytes = await readExtents(memorySource(numbers), [
      { offset: 50, length: 2 },
      { offset: 3, length: 1 },
    ]);
    expect([...bytes]).toEqual([50, 51, 3]);
    expect(await readExtents(memorySource(numbers), [])).toHaveLength(0);
  });
});
