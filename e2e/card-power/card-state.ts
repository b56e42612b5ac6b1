import { closeSync, copyFileSync, openSync, writeSync } from 'node:fs';
import type { DiskBytes } from '../../packages/simulator/src/index.js';
import type { Kept } from '../power/crash-states.js';

const sector = 512;

/** A card in one state: the image it began with, and sectors over it. In memory, so that many states can be looked at. */
export interface CardState extends DiskBytes {
  /** Writes it to a file, for programs that want one. */
  writeTo(path: string, base: string): void;
}

/** A card that held the base image and has kept these writes. */
export function cardState(base: DiskBytes, kept: Iterable<Kept>): CardState {
  const over = new Map<number, Buffer>();
  for (const { offset, bytes } of kept)
    for (let at = 0; at < bytes.length; at += sector) over.set((offset + at) / sector, bytes.subarray(at, at + sector));
  return {
    size: base.size,
    read: (offset, length) => {
      const bytes = Buffer.from(base.read(offset, length));
      const end = offset + bytes.length;
      for (let index = Math.floor(offset / sector); index * sector < end; index += 1) {
        const start = index * sector - offset;
        const from = Math.max(0, -start);
        over.get(index)?.copy(bytes, start + from, from, Math.min(sector, bytes.length - start));
      }
      return bytes;
    },
    writeTo: (path, image) => {
      copyFileSync(image, path);
      const file = openSync(path, 'r+');
      for (const [index, bytes] of over) writeSync(file, bytes, 0, bytes.length, index * sector);
      closeSync(file);
    },
  };
}
