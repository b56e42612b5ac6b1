import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusesOnly } from '../../test/support/exercise.js';
import { fieldsIn, mutations, withMutations, type Field } from '../../test/support/mutate.js';
import { qcow2Base, qcow2Image, qcow2Names, type Qcow2Name } from '../../test/support/qcow2/corpus.js';
import { environmentOf } from '../../test/support/qcow2/disk-world.js';
import { MemoryFile } from '../../test/support/qcow2/memory-file.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';
import { checkQcow2, openLayer, openQcow2 } from '../index.js';

/** Header, extensions, and the used part of each cluster that may hold a table. */
function fieldsOf(image: Uint8Array): Field[] {
  const clusterSize = 2 ** Buffer.from(image.buffer).readUInt32BE(20);
  const fields = fieldsIn(0, 160);
  fields.push(...fieldsIn(0, 112));
  for (let at = clusterSize; at < Math.min(image.length, 12 * clusterSize); at += clusterSize) {
    fields.push(...fieldsIn(at, Math.min(clusterSize, 256)));
  }
  return fields;
}

/** Reads all of an image, checks it, and changes it when it lets itself be opened for that. */
async function exercise(image: Uint8Array, name: Qcow2Name): Promise<boolean> {
  const environment = environmentOf();
  const below = qcow2Base(name);
  const layer = new MemoryFile(image);
  let refused = await refusesOnly(async () => {
    const { view } = await openLayer({ file: layer, below, environment });
    if (view.size > 2 ** 25) return;
    await view.read(0, view.size);
    await view.status(0, view.size, 1000);
  });
  refused = (await refusesOnly(() => checkQcow2(layer))) || refused;
  const file = new MemoryFile(Uint8Array.from(image));
  const couldNotWrite = await refusesOnly(async () => {
    const disk = await openQcow2({ file, log: new MemoryFile(), base: below, environment });
    if (disk.size > 2 ** 25) return;
    const length = Math.min(disk.size, 100_000);
    await disk.write(disk.size - length, new Uint8Array(length).fill(1));
    await disk.trim(0, disk.size / 2);
    await disk.close();
    const report = await checkQcow2(file);
    if (report.corruptions + report.leaks > 0)
      throw new Error(`a disk that was written to is damaged: ${JSON.stringify(report)}`);
  });
  return refused || couldNotWrite;
}

describe('qcow2, whatever the bytes', () => {
  it('refuses arbitrary bytes with an ImageError', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('qcow2 bytes', 300);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 1000 }), async (bytes) => {
        if (bytes.length > 8) bytes.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 3]);
        await exercise(bytes, '512');
      }),
      { numRuns, seed },
    );
  });

  it.each(qcow2Names)('reads or refuses a changed image: %s', { timeout: loopTimeout }, async (name) => {
    const numRuns = announceRuns(`qcow2 ${name}`, 80);
    const image = qcow2Image(name);
    const untouched = Uint8Array.from(image);
    const fields = fieldsOf(image);
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        if (await withMutations(image, fields, changes, () => exercise(image, name))) refused += 1;
      }),
      { numRuns, seed },
    );
    expect(Buffer.compare(image, untouched)).toBe(0);
    console.log(`  ${refused} of ${numRuns} refused`);
  });
});
