import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { holds, soak } from '../../test/support/fuzz.js';
import { shapeExtents } from './block-status.js';

const hole = (length: number) => ({ length, flags: 3 });
const data = (length: number) => ({ length, flags: 0 });

describe('extents', () => {
  it('are cut at the end of what was asked for', () => {
    expect(shapeExtents([hole(10), data(100)], 30, false)).toEqual([hole(10), data(20)]);
    expect(shapeExtents([hole(10), data(20), hole(5)], 30, false)).toEqual([hole(10), data(20)]);
  });

  it('that are alike are one', () => {
    expect(shapeExtents([hole(1), hole(2), data(3), data(4)], 100, false)).toEqual([hole(3), data(7)]);
  });

  it('are one when one was asked for, as long as it goes', () => {
    expect(shapeExtents([hole(1), hole(2), data(3)], 100, true)).toEqual([hole(3)]);
    expect(shapeExtents([hole(1000), data(3)], 100, true)).toEqual([hole(100)]);
  });

  it('nobody knows are allocated data', () => {
    expect(shapeExtents([], 100, false)).toEqual([data(100)]);
    expect(shapeExtents([hole(0), data(0)], 100, true)).toEqual([data(100)]);
  });

  it('are so many that a reply stays short, and the source is not asked for more', () => {
    let asked = 0;
    function* endless() {
      for (;;) yield (asked += 1) % 2 === 0 ? hole(1) : data(1);
    }
    expect(shapeExtents(endless(), 0xffff_ffff, false)).toHaveLength(4096);
    expect(asked).toBe(4097);
  });

  it('keep what a client may rely on', soak, () => {
    const extent = fc.record({ length: fc.nat(50), flags: fc.nat(3) });
    const given = fc.tuple(fc.array(extent), fc.integer({ min: 1, max: 500 }), fc.boolean());
    holds('protocols/nbd extents', 1000, given, ([extents, length, one]) => {
      const shaped = shapeExtents(extents, length, one);
      expect(shaped.length).toBeGreaterThan(0);
      if (one) expect(shaped).toHaveLength(1);
      const total = shaped.reduce((sum, each) => sum + each.length, 0);
      expect(total).toBeLessThanOrEqual(length);
      expect(shaped.every((each) => each.length > 0)).toBe(true);
      expect(shaped.every((each, i) => i === 0 || each.flags !== shaped[i - 1]!.flags)).toBe(true);
      // Every byte has the status the source gave it.
      const flat = (of: readonly { length: number; flags: number }[]) =>
        of.flatMap((each) => Array.from({ length: each.length }, () => each.flags));
      const known = flat(extents);
      if (known.length > 0) expect(flat(shaped)).toEqual(known.slice(0, total));
    });
  });
});
