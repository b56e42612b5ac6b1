import { describe, expect, it } from 'vitest';
import { MemoryFile } from '../../test/support/qcow2/memory-file.js';
import { kib } from '../../test/support/qcow2/disk-world.js';
import { findData, rawView, uncached } from '../index.js';

describe('a raw base', () => {
  const bytes = new Uint8Array(1000 * kib);
  for (const at of [70, 71, 130, 500, 999]) bytes[at * kib] = 1;
  const file = new MemoryFile(bytes);

  it('is looked through for data', async () => {
    expect(await findData(file)).toEqual([
      { offset: 64 * kib, length: 128 * kib },
      { offset: 448 * kib, length: 64 * kib },
      { offset: 960 * kib, length: 40 * kib },
    ]);
    expect(await findData(file, { grain: 500 * kib })).toEqual([{ offset: 0, length: 1000 * kib }]);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(findData(file, { signal })).rejects.toThrow('enough');
  });

  it('tells data from holes', async () => {
    const view = rawView(uncached(file), await findData(file));
    const found = await view.status(100, 990 * kib, 100);
    expect(found.map(({ offset, length, zero }) => [offset, length, zero])).toEqual([
      [100, 64 * kib - 100, true],
      [64 * kib, 128 * kib, false],
      [192 * kib, 256 * kib, true],
      [448 * kib, 64 * kib, false],
      [512 * kib, 448 * kib, true],
      [960 * kib, 30 * kib + 100, false],
    ]);
    expect(await view.status(100, 990 * kib, 3)).toEqual(found.slice(0, 3));
    expect(view.knownZero(0, 64 * kib)).toBe(true);
    expect(view.knownZero(0, 64 * kib + 1)).toBe(false);
    expect(view.knownZero(192 * kib, 256 * kib)).toBe(true);
    expect(view.knownZero(191 * kib, 10)).toBe(false);
    expect(rawView(uncached(file)).knownZero(0, 1)).toBe(false);
  });
});
