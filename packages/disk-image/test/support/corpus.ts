import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

/** The images of test/corpus: see make.sh there for what each one holds. */
export const corpusNames = [
  'fat12',
  'fat16',
  'fat32',
  'mbr',
  'gpt',
  'gpt4k',
  'ext4',
  'ext4-plain',
  'ext4-inline',
  'ext2',
  'ext4-journal',
  'ext4-journal-plain',
  'cpio',
  'card',
] as const;
export type CorpusName = (typeof corpusNames)[number];

/** A fresh copy of a corpus image. */
export function corpusImage(name: CorpusName): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`../corpus/${name}.img.gz`, import.meta.url))));
}
