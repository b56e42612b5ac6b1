import fc from 'fast-check';
import { describe, it } from 'vitest';
import { corpusImage } from '../../test/support/corpus.js';
import { CountingSource } from '../../test/support/counting-source.js';
import { exercisePartitions, refusesOnly } from '../../test/support/exercise.js';
import { fieldsIn, mutations, withMutations, type Field } from '../../test/support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';

/** Boot records, and both copies of a GPT, whose checksums are mostly wrong after a change. */
const fields: Record<string, Field[]> = {
  mbr: [0, 160, 189, 229].flatMap((sector) => fieldsIn(sector * 512 + 440, 72)),
  gpt: [...fieldsIn(446, 66), ...fieldsIn(512, 96), ...fieldsIn(1024, 256), ...fieldsIn(128 * 1024 - 512, 96)],
  gpt4k: [...fieldsIn(446, 66), ...fieldsIn(4096, 96), ...fieldsIn(8192, 256)],
};

describe('partition tables, whatever the bytes', () => {
  it('reads or refuses arbitrary bytes', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('partition bytes', 1000);
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 2048 });
    await fc.assert(
      fc.asyncProperty(bytes, fc.boolean(), async (image, isGpt) => {
        if (image.length >= 512) image.set([0x55, 0xaa], 510);
        if (image.length >= 600 && isGpt) image.set(Buffer.from('EFI PART'), 512);
        await refusesOnly(() => exercisePartitions(new CountingSource(image)));
      }),
      { numRuns, seed },
    );
  });

  it.each(['mbr', 'gpt', 'gpt4k'] as const)('reads or refuses a changed %s', { timeout: loopTimeout }, async (name) => {
    const numRuns = announceRuns(name, 2000);
    const image = corpusImage(name);
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const run = (): Promise<boolean> => refusesOnly(() => exercisePartitions(new CountingSource(image)));
        await withMutations(image, fields[name] ?? [], changes, run);
      }),
      { numRuns, seed },
    );
  });
});
