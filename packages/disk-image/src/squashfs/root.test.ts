import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { refusesOnly } from '../../test/support/exercise.js';
import { expectRefusal, patched } from '../../test/support/expect.js';
import { fieldsIn, mutations, withMutations } from '../../test/support/mutate.js';
import { announceRuns, loopTimeout, seed } from '../../test/support/runs.js';
import { memorySource } from '../source.js';
import { patchSquashfsRoot, squashfsRootOptions } from './root.js';

const root = { mode: 0o751, uid: 33, gid: 1000, mtime: { seconds: 1_700_000_000, nanoseconds: 5 } };

/** The parts of a squashfs file that matter: superblock, one inode block with the root at 8, one block of ids. */
function squashfs(): Uint8Array {
  const image = Buffer.alloc(256);
  image.write('hsqs');
  image.writeUInt16LE(3, 26);
  image.writeUInt32LE(8, 32);
  image.writeUInt32LE(200, 48);
  image.writeUInt32LE(100, 64);
  image.writeUInt16LE(0x8000 | 40, 100);
  image.writeUInt16LE(1, 110);
  image.writeUInt16LE(0x8000 | 12, 180);
  [0, 33, 1000].forEach((id, i) => image.writeUInt32LE(id, 182 + i * 4));
  image.writeUInt32LE(180, 200);
  return new Uint8Array(image);
}

describe('patchSquashfsRoot', () => {
  it('gives the new head of the root inode', async () => {
    const { offset, bytes } = await patchSquashfsRoot(memorySource(squashfs()), root);
    expect(offset).toBe(110);
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const fields = [0, 2, 4, 6].map((at) => view.getUint16(at, true));
    expect(fields).toEqual([1, 0o751, 1, 2]);
    expect(view.getUint32(8, true)).toBe(1_700_000_000);
  });

  it('refuses what it cannot change', async () => {
    const image = squashfs();
    const patch = (bytes: Uint8Array, owner = root) => patchSquashfsRoot(memorySource(bytes), owner);
    await expectRefusal(() => patch(new Uint8Array(96)), 'image.squashfs.root');
    await expectRefusal(() => patch(patched(image, [100, 2, 40])), 'image.squashfs.root');
    await expectRefusal(() => patch(patched(image, [110, 2, 2])), 'image.squashfs.root');
    await expectRefusal(() => patch(patched(image, [32, 4, 35])), 'image.squashfs.root');
    await expectRefusal(() => patch(image, { ...root, uid: 77 }), 'image.squashfs.root');
    await expectRefusal(() => patch(image.subarray(0, 50)), 'image.truncated');
  });

  it('patches or refuses a changed file', { timeout: loopTimeout }, async () => {
    const numRuns = announceRuns('squashfs root', 1000);
    const image = squashfs();
    const fields = fieldsIn(0, image.length);
    await fc.assert(
      fc.asyncProperty(mutations, async (changes) => {
        const run = () => refusesOnly(() => patchSquashfsRoot(memorySource(image), root));
        await withMutations(image, fields, changes, run);
      }),
      { numRuns, seed },
    );
  });
});

describe('squashfsRootOptions', () => {
  it('name mode, owner and time, which cannot be before 1970', () => {
    const mtime = { seconds: -5, nanoseconds: 0 };
    expect(squashfsRootOptions({ ...root, mode: 0o1751, mtime }).join(' ')).toBe(
      '-root-mode 1751 -root-uid 33 -root-gid 1000 -root-time 0',
    );
  });
});
