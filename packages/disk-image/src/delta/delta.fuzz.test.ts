import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { applied, fileOf, makeDelta, type Stretch } from '../../test/support/delta.js';
import { refusesOnly } from '../../test/support/exercise.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';
import { memorySource, readDelta } from '../index.js';

const length = fc.integer({ min: 0, max: 40_000 });
const stretch: fc.Arbitrary<Stretch> = fc.oneof(
  fc.record({ kind: fc.constant('noise' as const), seed: fc.nat({ max: 5 }), length }),
  fc.record({ kind: fc.constant('run' as const), byte: fc.nat({ max: 1 }), length }),
  fc.record({ kind: fc.constant('old' as const), from: fc.nat({ max: 400_000 }), length }),
);
const stretches = fc.array(stretch, { maxLength: 12 });

describe('deltas, whatever the files', () => {
  it('make the new file from the old one', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('delta', 300);
    await fc.assert(
      fc.asyncProperty(
        stretches,
        stretches,
        fc.integer({ min: 1, max: 50_000 }),
        fc.integer({ min: 1, max: 9 }),
        async (before, after, shortest, most) => {
          const old = fileOf(before);
          const next = fileOf(after, old);
          const delta = await makeDelta(old, next, { shortest, most });
          expect((await applied(old, delta)).equals(next)).toBe(true);
          expect((await readDelta(memorySource(delta))).plan.instructions.length).toBeLessThanOrEqual(most);
        },
      ),
      { numRuns, seed },
    );
  });

  it('that were changed are refused, or make a file of the size they say', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('changed delta', 2000);
    const old = fileOf([{ kind: 'noise', seed: 1, length: 60_000 }]);
    const next = fileOf(
      [
        { kind: 'old', from: 20_000, length: 30_000 },
        { kind: 'noise', seed: 2, length: 300 },
        { kind: 'old', from: 0, length: 15_000 },
      ],
      old,
    );
    const delta = await makeDelta(old, next);
    const text = delta.indexOf('end\n') + 4;
    const change = fc.record({
      at: fc.nat({ max: text }),
      drop: fc.nat({ max: 3 }),
      put: fc.stringMatching(/^[0-9 a-z\n-]{0,3}$/),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
        let changed = delta;
        for (const { at, drop, put } of changes)
          changed = Buffer.concat([changed.subarray(0, at), Buffer.from(put), changed.subarray(at + drop)]);
        await refusesOnly(async () => {
          const { plan } = await readDelta(memorySource(changed));
          expect((await applied(old, changed)).length).toBe(plan.newSize);
        });
      }),
      { numRuns, seed },
    );
  });
});
