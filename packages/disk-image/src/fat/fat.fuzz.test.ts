import fc from 'fast-check';
import { describe, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { CountingSource } from '../../test/support/counting-source.js';
import { exerciseFat, refusesOnly } from '../../test/support/exercise.js';
import { fatFields, mutations, withMutations } from '../../test/support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';

describe('FAT, whatever the bytes', () => {
  it('refuses arbitrary bytes with an ImageError', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('fat bytes', 1000);
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 2048 });
    await fc.assert(
      fc.asyncProperty(bytes, async (image) => {
        if (image.length >= 512) image.set([0x55, 0xaa], 510);
        await refusesOnly(() => exerciseFat(new CountingSource(image)));
      }),
      { numRuns, seed },
    );
  });

  it.each(['fat12', 'fat16', 'fat32'] as const)(
    'reads or refuses a changed %s volume',
    { timeout: loopTimeout },
    async (name) => {
      const numRuns = announceRuns(name, 2000);
      const image = corpusImage(name);
      const fields = await fatFields(image);
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(mutations, async (changes) => {
          const run = (): Promise<boolean> => refusesOnly(() => exerciseFat(new CountingSource(image)));
          if (await withMutations(image, fields, changes, run)) refused += 1;
        }),
        { numRuns, seed },
      );
      console.log(`  ${refused} of ${numRuns} refused`);
    },
  );
});
