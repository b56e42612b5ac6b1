import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { rawView, uncached, type DiskView } from '../../../src/index.js';
import { MemoryFile } from './memory-file.js';

/** The images of test/corpus/make-qcow2.sh. */
export const qcow2Names = ['64k', 'v2', '1bit', '512', '64bit', 'packed', 'snapshot', 'dirty'] as const;
export type Qcow2Name = (typeof qcow2Names)[number];

const kib = 1024;
const withBase: readonly Qcow2Name[] = ['64k', 'v2', '1bit', 'snapshot', 'dirty'];

export function qcow2Image(name: Qcow2Name): Uint8Array {
  return new Uint8Array(gunzipSync(readFileSync(new URL(`../../corpus/qcow2-${name}.img.gz`, import.meta.url))));
}

function baseBytes(): Uint8Array {
  const bytes = new Uint8Array(1024 * kib);
  for (let at = 0; at < bytes.length; at += 512) bytes.fill(1 + ((at / 512) % 255), at, at + 512);
  return bytes;
}

/** What lies below an image of the corpus. */
export function qcow2Base(name: Qcow2Name): DiskView | undefined {
  return withBase.includes(name) ? rawView(uncached(new MemoryFile(baseBytes()))) : undefined;
}

/** What an image of the corpus shows. */
export function qcow2Content(name: Qcow2Name): Uint8Array {
  const bytes = new Uint8Array(2048 * kib);
  if (name === 'packed') {
    for (const at of [0, 64, 1536]) bytes.fill(0xa0 + (at % 7), at * kib, (at + 64) * kib);
    bytes.fill(0xa9, 704 * kib, 705 * kib);
    return bytes;
  }
  if (withBase.includes(name)) bytes.set(baseBytes());
  bytes.fill(0xa1, 10 * kib, 110 * kib);
  bytes.fill(0xa2, 700 * kib, 750 * kib);
  bytes.fill(0xa3, 1536 * kib, 1600 * kib);
  bytes.fill(0, 256 * kib, 384 * kib);
  bytes.fill(0, 512 * kib, 515 * kib);
  if (name === 'snapshot') bytes.fill(0xa4, 0, 64 * kib);
  return bytes;
}
