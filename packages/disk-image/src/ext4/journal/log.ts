import { ImageError } from '../../errors.js';
import type { RandomAccess } from '../../source.js';
import type { Run } from '../blocks.js';

/** The file a journal is in. */
export interface JournalFile {
  readonly blocks: number;
  /** Byte offset of one of its blocks in the volume. Throws `image.ext4.corrupt` for a hole. */
  place(block: number): number;
  read(block: number): Promise<Uint8Array>;
}

/** The journal as the runs of its inode lay it out. */
export function journalFile(volume: RandomAccess, runs: readonly Run[], blockSize: number): JournalFile {
  const place = (block: number): number => {
    const run = runOf(runs, block);
    if (run !== undefined) return (run.physical + block - run.logical) * blockSize;
    throw new ImageError('image.ext4.corrupt', `Block ${block} of the journal is a hole`);
  };
  const last = runs.at(-1);
  return {
    blocks: last === undefined ? 0 : last.logical + last.count,
    place,
    read: (block) => volume.read(place(block), blockSize),
  };
}

function runOf(runs: readonly Run[], block: number): Run | undefined {
  let [low, high] = [0, runs.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const run = runs[middle] as Run;
    if (block < run.logical) high = middle;
    else if (block >= run.logical + run.count) low = middle + 1;
    else return run;
  }
  return undefined;
}
