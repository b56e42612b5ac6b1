import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ClusterSet, clustersOf } from './cluster-set.js';

const numbers = fc.array(fc.oneof(fc.nat(200), fc.nat(100_000), fc.integer({ min: 32_760, max: 32_780 })), {
  maxLength: 80,
});

describe('a set of clusters', () => {
  it('holds what was added and not removed, as stretches in order', () => {
    fc.assert(
      fc.property(numbers, numbers, fc.nat(100_000), (added, removed, from) => {
        const set = new ClusterSet();
        const expected = new Set<number>();
        for (const each of added) {
          expect(set.add(each)).toBe(!expected.has(each));
          expected.add(each);
        }
        for (const each of removed) expect(set.delete(each)).toBe(expected.delete(each));
        const sorted = [...expected].sort((a, b) => a - b);
        expect(set.size).toBe(sorted.length);
        expect([...clustersOf(set.runs())]).toEqual(sorted);
        const limit = 120_000;
        expect(set.nextPresent(from, limit)).toBe(sorted.find((each) => each >= from) ?? limit);
        let absent = from;
        while (expected.has(absent)) absent += 1;
        expect(set.nextAbsent(from, limit)).toBe(absent);
        for (const each of [...added, ...removed]) expect(set.has(each)).toBe(expected.has(each));
      }),
    );
  });

  it('skips long stretches', () => {
    const set = new ClusterSet();
    set.addRun(10, 200_000);
    expect(set.nextAbsent(10, 10 ** 6)).toBe(200_010);
    expect([...set.runs()]).toEqual([{ first: 10, count: 200_000 }]);
    expect(set.nextPresent(200_010, 10 ** 12)).toBe(10 ** 12);
  });
});
