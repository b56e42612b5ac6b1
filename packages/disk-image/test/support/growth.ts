import { crc32 } from '../../src/checksum.js';
import type { DiskWrite } from '../../src/index.js';
import type { CorpusName } from './corpus.js';

/** The disk with so many bytes behind it. */
export function enlarged(disk: Uint8Array, more: number): Uint8Array {
  const larger = new Uint8Array(disk.length + more);
  larger.set(disk);
  return larger;
}

/** A copy of the disk after all writes of all steps. */
export function applied(disk: Uint8Array, steps: readonly (readonly DiskWrite[])[]): Uint8Array {
  const changed = new Uint8Array(disk);
  for (const { offset, bytes } of steps.flat()) changed.set(bytes, offset);
  return changed;
}

/** The last partition of a corpus image. */
export const rootOf = (name: CorpusName): number => (name === 'mbr' ? 6 : 2);

/** A copy whose main GPT has the checksums of what it says, as far as that can be: what a parser believes most. */
export function withChecksums(disk: Uint8Array): Uint8Array {
  const copy = new Uint8Array(disk);
  const sector = Buffer.from(copy.subarray(512, 520)).toString() === 'EFI PART' ? 512 : 4096;
  const view = new DataView(copy.buffer, sector, sector);
  const [size, count, each] = [view.getUint32(12, true), view.getUint32(80, true), view.getUint32(84, true)];
  const entriesAt = Number(view.getBigUint64(72, true)) * sector;
  if (size > sector || entriesAt + count * each > copy.length) return copy;
  view.setUint32(88, crc32(copy.subarray(entriesAt, entriesAt + count * each)), true);
  view.setUint32(16, 0, true);
  view.setUint32(16, crc32(copy.subarray(sector, sector + size)), true);
  return copy;
}
