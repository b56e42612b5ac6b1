import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusImage, type CorpusName } from '../../test/support/corpus.js';
import { refusesOnly } from '../../test/support/exercise.js';
import { applied, enlarged, rootOf, withChecksums } from '../../test/support/growth.js';
import { fieldsIn, mutations, withMutations, type Field } from '../../test/support/mutate.js';
import { announceRuns, createRandom, loopTimeout, seed } from '../../test/support/runs.js';
import { memorySource, planPartitionGrowth, readPartitionTable, type PartitionTable } from '../index.js';

const MiB = 1024 * 1024;

const fields: Partial<Record<CorpusName, Field[]>> = {
  card: fieldsIn(440, 72),
  mbr: [0, 160, 189, 229].flatMap((sector) => fieldsIn(sector * 512 + 440, 72)),
  gpt: [...fieldsIn(446, 66), ...fieldsIn(512, 96), ...fieldsIn(1024, 256)],
  gpt4k: [...fieldsIn(446, 66), ...fieldsIn(4096, 96), ...fieldsIn(8192, 256)],
};

const withoutLength = ({ partitions, ...table }: PartitionTable, number: number): unknown => ({
  ...table,
  partitions: partitions.map((each) =>
    each.number === number || each.extended === true ? { ...each, length: 0 } : each,
  ),
});

/** What must hold of every plan: it changes nothing but the end of one partition, and no byte of any. */
async function exerciseGrowth(disk: Uint8Array, number: number): Promise<void> {
  const before = await readPartitionTable(memorySource(disk));
  const plan = await planPartitionGrowth(memorySource(disk), number);
  if (plan.kind !== 'growth') return;
  const kept = before.partitions.filter(({ extended }) => extended !== true);
  for (const { offset, bytes } of plan.steps.flat()) {
    if (offset < 0 || offset + bytes.length > disk.length) throw new Error(`a write of ${bytes.length} at ${offset}`);
    for (const each of kept)
      if (offset < each.offset + each.length && each.offset < offset + bytes.length)
        throw new Error(`a write of ${bytes.length} at ${offset} is in partition ${each.number}`);
  }
  const grown = applied(disk, plan.steps);
  const after = await readPartitionTable(memorySource(grown));
  expect(withoutLength(after, number)).toEqual(withoutLength(before, number));
  expect(after.partitions.find((each) => each.number === number)?.length).toBe(plan.after);
  expect(await planPartitionGrowth(memorySource(grown), number)).toEqual({ kind: 'none' });
}

describe('growing a partition, whatever the table', () => {
  it.each(Object.keys(fields) as CorpusName[])('of a changed %s', { timeout: loopTimeout }, async (name) => {
    const numRuns = announceRuns(`growth of ${name}`, 500);
    const disk = enlarged(corpusImage(name), 3 * MiB + 5 * 512);
    await fc.assert(
      fc.asyncProperty(mutations, fc.integer({ min: 1, max: 6 }), async (changes, number) => {
        await withMutations(disk, fields[name] ?? [], changes, async () => {
          const whole = name === 'gpt' || name === 'gpt4k' ? withChecksums(disk) : disk;
          return refusesOnly(() => exerciseGrowth(whole, number));
        });
      }),
      { numRuns, seed },
    );
  });

  it.each(['card', 'gpt', 'gpt4k'] as const)(
    'of %s ends well after crashes at any moment',
    { timeout: loopTimeout },
    async (name) => {
      const runs = announceRuns(`growth of ${name}, crashes`, 100);
      const random = createRandom(seed);
      const disk = enlarged(corpusImage(name), 4 * MiB);
      const number = rootOf(name);
      const whole = await planPartitionGrowth(memorySource(disk), number);
      if (whole.kind !== 'growth') throw new Error(whole.kind);
      const wanted = await readPartitionTable(memorySource(applied(disk, whole.steps)));
      for (let i = 0; i < runs; i++) {
        let now = disk;
        // A crash may follow a crash.
        for (let crash = 0; crash < 2; crash++) {
          const plan = await planPartitionGrowth(memorySource(now), number);
          if (plan.kind !== 'growth') break;
          const done = Math.floor(random() * plan.steps.length);
          const torn = (plan.steps[done] ?? []).flatMap(({ offset, bytes }) =>
            Array.from({ length: bytes.length / 512 }, (_, sector) => ({
              offset: offset + sector * 512,
              bytes: bytes.subarray(sector * 512, (sector + 1) * 512),
            })).filter(() => random() < 0.5),
          );
          now = applied(now, [...plan.steps.slice(0, done), torn]);
        }
        const last = await planPartitionGrowth(memorySource(now), number);
        const end = last.kind === 'growth' ? applied(now, last.steps) : now;
        expect(await readPartitionTable(memorySource(end))).toEqual(wanted);
      }
    },
  );
});
