import fc from 'fast-check';
import { describe, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { CountingSource } from '../../test/support/counting-source.js';
import { exerciseExt4, refusesOnly } from '../../test/support/exercise.js';
import { ext4Fields, mutations, withMutations } from '../../test/support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';

describe('ext4, whatever the bytes', () => {
  it('refuses arbitrary bytes with an ImageError', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('ext4 bytes', 1000);
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 4096 });
    await fc.assert(
      fc.asyncProperty(bytes, async (image) => {
        if (image.length >= 2048) image.set([0x53, 0xef], 1024 + 0x38);
        await refusesOnly(() => exerciseExt4(new CountingSource(image)));
      }),
      { numRuns, seed },
    );
  });

  it.each([
    ['ext4', 250],
    ['ext4-plain', 250],
    ['ext4-inline', 250],
    ['ext2', 250],
  ] as const)('packs or refuses a changed %s volume', { timeout: loopTimeout }, async (name, base) => {
    const numRuns = announceRuns(name, base);
    const image = corpusImage(name);
    const fields = await ext4Fields(image);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const run = (): Promise<boolean> => refusesOnly(() => exerciseExt4(new CountingSource(image)));
        if (await withMutations(image, fields, changes, run)) refused += 1;
      }),
      { numRuns, seed },
    );
    console.log(`  ${refused} of ${numRuns} refused`);
  });
});
