import fc from 'fast-check';
import { describe, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { CountingSource } from '../../test/support/counting-source.js';
import { exerciseImage, refusesOnly } from '../../test/support/exercise.js';
import { fieldsIn, mutations, withMutations } from '../../test/support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';

const fatAt = 8 * 512;
const ext4At = 400 * 512;

describe('a whole card, whatever is changed', () => {
  it('gives facts or a refusal', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('image', 600);
    const image = corpusImage('card');
    const fields = [
      ...fieldsIn(446, 66),
      ...fieldsIn(fatAt + 11, 60),
      ...fieldsIn(fatAt + 512, 128),
      ...fieldsIn(fatAt + 2048, 16 * 1024),
      ...fieldsIn(ext4At + 1024, 0x170),
      ...fieldsIn(ext4At + 4096, 64 * 1024),
    ];
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        await withMutations(image, fields, changes, () => refusesOnly(() => exerciseImage(new CountingSource(image))));
      }),
      { numRuns, seed },
    );
  });
});
