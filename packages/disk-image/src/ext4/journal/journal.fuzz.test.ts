import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { corpusImage } from '../../../test/support/corpus.js';
import { CountingSource } from '../../../test/support/counting-source.js';
import { exerciseExt4, refusesOnly } from '../../../test/support/exercise.js';
import {
  fileOf,
  journalPlaces,
  LogWriter,
  magic,
  replayedContent,
  type TransactionPlan,
} from '../../../test/support/journal.js';
import { ext4Fields, fieldsIn, mutations, withMutations } from '../../../test/support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../../../test/support/runs.js';
import { memorySource } from '../../source.js';
import { parseJournalSuperblock } from './layout.js';
import { journalledSource } from './overlay.js';
import { replayLog } from './replay.js';

const blockSize = 1024;
const blocks = 200;
const volumeBlocks = 256;

/** Few blocks of the volume, so that they meet again; some begin with the magic. */
const numbers = fc.nat({ max: 12 }).map((n) => 210 + n);
const contents = fc.tuple(fc.nat({ max: 255 }), fc.boolean()).map(([value, isMagic]) => {
  const bytes = new Uint8Array(blockSize).fill(value);
  if (isMagic) new DataView(bytes.buffer).setUint32(0, magic);
  return bytes;
});
/** A block is in a transaction once, as in a kernel's. */
const writes = fc.uniqueArray(fc.tuple(numbers, contents), { maxLength: 8, selector: ([number]) => number });
const plans: fc.Arbitrary<TransactionPlan[]> = fc.array(
  fc.record({ writes, revoked: fc.uniqueArray(numbers, { maxLength: 4 }), ownUuids: fc.boolean() }),
  { maxLength: 12 },
);
const shapes = fc.record({
  checksums: fc.constantFrom(0 as const, 1 as const, 2 as const, 3 as const),
  is64bit: fc.boolean(),
  start: fc.integer({ min: 1, max: blocks - 1 }),
  sequence: fc.oneof(fc.constant(0xfffffffd), fc.nat()),
});

function written(shape: { checksums: 0 | 1 | 2 | 3; is64bit: boolean; start: number; sequence: number }) {
  return new LogWriter({ ...shape, blockSize, blocks });
}

describe('a journal, whatever was written to it', () => {
  it(
    'leaves what the rules say, whether its last transaction was finished or not',
    async () => {
      const numRuns = announceRuns('journal', 300);
      await fc.assert(
        fc.asyncProperty(shapes, plans, fc.boolean(), async (shape, all, isCut) => {
          const cut = all.map((plan, i) => ({ ...plan, uncommitted: isCut && i === all.length - 1 }));
          const writer = written(shape);
          for (const plan of cut) writer.transaction(plan);
          const layout = parseJournalSuperblock(writer.block(0), blockSize, blocks);
          const found = layout.ok ? await replayLog(fileOf(writer), layout.value, volumeBlocks) : layout;
          if (!found.ok) throw new Error(found.detail);
          const volume = new Uint8Array(volumeBlocks * blockSize);
          volume.set(writer.bytes);
          const seen = await journalledSource(memorySource(volume), found.value.blocks, blockSize).read(
            0,
            volume.length,
          );
          for (const [block, content] of replayedContent(cut)) volume.set(content, block * blockSize);
          expect(Buffer.compare(seen, volume)).toBe(0);
        }),
        { numRuns, seed },
      );
    },
    loopTimeout,
  );

  it(
    'and whatever was changed in it then, is replayed within its volume or refused, in one round',
    async () => {
      const numRuns = announceRuns('journal changes', 500);
      await fc.assert(
        fc.asyncProperty(shapes, plans, mutations, async (shape, all, changes) => {
          const writer = written(shape);
          const used = [0, ...all.flatMap((plan) => writer.transaction(plan))];
          const fields = used.flatMap((block) => fieldsIn(block * blockSize, 96));
          await withMutations(writer.bytes, fields, changes, async () => {
            const layout = parseJournalSuperblock(writer.block(0), blockSize, blocks);
            if (!layout.ok) return;
            const file = fileOf(writer);
            const found = await replayLog(file, layout.value, volumeBlocks);
            // Each block of the log once, its data once more for their checksums, and its revocations.
            expect(file.reads).toBeLessThanOrEqual(2 * blocks);
            if (!found.ok) return;
            expect(Math.max(0, ...found.value.blocks.keys())).toBeLessThan(volumeBlocks);
            for (const { place } of found.value.blocks.values()) expect(place).toBeLessThan(blocks * blockSize);
          });
        }),
        { numRuns, seed },
      );
    },
    loopTimeout,
  );
});

describe('a volume that was not unmounted, whatever its bytes', () => {
  it.each(['ext4-journal', 'ext4-journal-plain'] as const)(
    'is read or refused: %s',
    { timeout: loopTimeout },
    async (name) => {
      const numRuns = announceRuns(name, 200);
      const image = corpusImage(name);
      // The superblock of the journal, and the heads of the blocks of its log that are used.
      const [superblock = 0, ...log] = await journalPlaces(image);
      const fields = [
        ...(await ext4Fields(image)),
        ...fieldsIn(superblock, 256),
        ...log.slice(0, 96).flatMap((place) => fieldsIn(place, 128)),
      ];
      let refused = 0;
      await fc.assert(
        fc.asyncProperty(mutations, async (changes) => {
          const run = (): Promise<boolean> => refusesOnly(() => exerciseExt4(new CountingSource(image)));
          if (await withMutations(image, fields, changes, run)) refused += 1;
        }),
        { numRuns, seed },
      );
      console.log(`  ${refused} of ${numRuns} refused`);
    },
  );
});
