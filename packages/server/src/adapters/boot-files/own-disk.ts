import { ImageError, readPartitionTable, type DiskView, type RandomAccess } from '@drover/disk-image';
import type { BootTree } from '../../domain/boot-plan.js';

/** A stretch of the disk. */
export type Range = readonly [offset: number, length: number];

/** A disk as it is read for its boot files. */
export interface OwnDisk extends RandomAccess {
  /** For each stretch whether the image's bytes show through everywhere in it. */
  fromBase(ranges: readonly Range[]): Promise<readonly boolean[]>;
}

/** Looked at without letting others have their turn. */
const atOnce = 64 * 1024 * 1024;
/** Larger partitions are looked at file by file. */
const mostWhole = 4 * 1024 * 1024 * 1024;

const pause = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A held disk. What is read is memory of the caller's own. */
export const ownDisk = (view: DiskView): OwnDisk => ({
  get size() {
    return view.size;
  },
  read: async (offset, length) => {
    if (offset < 0 || length < 0 || offset + length > view.size)
      throw new ImageError('image.truncated', `${length} bytes at ${offset} do not lie within the disk`, {
        at: offset,
      });
    const bytes = new Uint8Array(length);
    await view.readInto(offset, bytes);
    return bytes;
  },
  fromBase: async (ranges) => {
    const answers: boolean[] = [];
    let looked = 0;
    for (const [offset, length] of ranges) {
      answers.push(await fromBase(view, offset, length));
      looked += Math.min(length, atOnce);
      if (looked < atOnce) continue;
      looked = 0;
      await pause();
    }
    return answers;
  },
});

async function fromBase(view: DiskView, offset: number, length: number): Promise<boolean> {
  if (offset < 0 || length < 0 || offset + length > view.size) return false;
  for (let at = offset; at < offset + length; at += atOnce) {
    if (at > offset) await pause();
    if (!(await view.fromBase(at, Math.min(atOnce, offset + length - at)))) return false;
  }
  return true;
}

/**
 * Whether the boot partition is as it was in the image, which is the usual case and costs next to nothing to see: it still lies where the image's boot files
 * do, and nothing was written to it, or to any partition before it that might be taken for it now.
 */
export async function isUntouched(disk: OwnDisk, base: string | null, image: BootTree): Promise<boolean> {
  const [first] = image.files.find(({ extents }) => extents.length > 0)?.extents ?? [];
  if (base !== image.image || first === undefined) return false;
  const partitions = await partitionsOf(disk);
  const index = partitions.findIndex(([offset, length]) => offset <= first[0] && first[0] < offset + length);
  const looked = partitions.slice(0, index + 1);
  if (looked.length === 0 || looked.some(([, length]) => length > mostWhole)) return false;
  return (await disk.fromBase(looked)).every((isBase) => isBase);
}

async function partitionsOf(disk: OwnDisk): Promise<Range[]> {
  try {
    const { partitions } = await readPartitionTable(disk);
    return partitions.filter(({ extended }) => extended !== true).map(({ offset, length }) => [offset, length]);
  } catch (error) {
    // Whoever reads the disk more closely tells what is wrong.
    if (error instanceof ImageError) return [];
    throw error;
  }
}
