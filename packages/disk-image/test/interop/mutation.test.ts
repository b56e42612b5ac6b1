import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusImage, type CorpusName } from '../support/corpus.js';
import { CountingSource } from '../support/counting-source.js';
import { exerciseExt4, exerciseFat, exerciseImage, refusesOnly } from '../support/exercise.js';
import { ext4Fields, fatFields, fieldsIn, mutations, withMutations, type Field } from '../support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../support/runs.js';

interface Suite {
  name: CorpusName;
  base: number;
  fields: (image: Uint8Array) => Promise<Field[]>;
  exercise: (source: CountingSource) => Promise<unknown>;
}

const wholeCard = async (image: Uint8Array): Promise<Field[]> => fieldsIn(0, image.length);

/** The longer sibling of the loops beside the parsers, with another seed. */
const suites: Suite[] = [
  { name: 'fat12', base: 3000, fields: fatFields, exercise: exerciseFat },
  { name: 'fat16', base: 3000, fields: fatFields, exercise: exerciseFat },
  { name: 'fat32', base: 3000, fields: fatFields, exercise: exerciseFat },
  { name: 'ext4', base: 1000, fields: ext4Fields, exercise: exerciseExt4 },
  { name: 'ext4-plain', base: 2500, fields: ext4Fields, exercise: exerciseExt4 },
  { name: 'ext4-inline', base: 2500, fields: ext4Fields, exercise: exerciseExt4 },
  { name: 'ext2', base: 2500, fields: ext4Fields, exercise: exerciseExt4 },
  { name: 'card', base: 2000, fields: wholeCard, exercise: exerciseImage },
];

describe('long mutation of the corpus', () => {
  it.each(suites)('$name is read or refused', { timeout: loopTimeout * 4 }, async (suite) => {
    const numRuns = announceRuns(`long ${suite.name}`, suite.base);
    const image = corpusImage(suite.name);
    const untouched = Uint8Array.from(image);
    const fields = await suite.fields(image);
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const run = (): Promise<boolean> => refusesOnly(() => suite.exercise(new CountingSource(image)));
        await withMutations(image, fields, changes, run);
      }),
      { numRuns, seed: seed + 1 },
    );
    expect(Buffer.compare(image, untouched)).toBe(0);
  });

  it.each(suites)('$name is read or refused when it is cut anywhere', { timeout: loopTimeout }, async (suite) => {
    const numRuns = announceRuns(`cut ${suite.name}`, 150);
    const image = corpusImage(suite.name);
    await fc.assert(
      fc.asyncProperty(fc.nat(image.length), async (length) => {
        await refusesOnly(() => suite.exercise(new CountingSource(image.subarray(0, length))));
      }),
      { numRuns, seed },
    );
  });
});
