import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSampleRing } from './ring.js';

describe('a ring of samples', () => {
  it('keeps the last ones, in columns, oldest first', () => {
    const ring = createSampleRing(['a', 'b'], 3);
    for (let at = 1; at <= 5; at += 1) ring.push({ at, values: { a: at * 10, b: at === 4 ? null : at } });
    expect(ring.after(0)).toEqual({ at: [3, 4, 5], series: { a: [30, 40, 50], b: [3, null, 5] } });
    expect(ring.after(4)).toEqual({ at: [5], series: { a: [50], b: [5] } });
    expect(ring.after(5)).toEqual({ at: [], series: { a: [], b: [] } });
  });

  it('leaves out what is not after the last one', () => {
    const ring = createSampleRing(['a'], 3);
    for (const at of [10, 10, 7, 11]) ring.push({ at, values: { a: at } });
    expect(ring.after(0).at).toEqual([10, 11]);
  });

  it('gives what a list of the same samples gives, whatever is pushed', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50)), fc.integer({ min: 1, max: 8 }), fc.nat(60), (times, capacity, after) => {
        const ring = createSampleRing(['a'], capacity);
        const list: number[] = [];
        for (const at of times) {
          ring.push({ at, values: { a: at } });
          if (list.length === 0 || at > (list.at(-1) ?? 0)) list.push(at);
        }
        expect(ring.after(after).at).toEqual(list.slice(-capacity).filter((at) => at > after));
      }),
    );
  });
});
