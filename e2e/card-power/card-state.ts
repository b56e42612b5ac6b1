import { closeSync, copyFileSync, openSync, writeSync } from 'node:fs';
import type { DiskBytes } from '../../packages/simulator/src/index.js';
import type { Kept } from '../power/crash-states.js';

const sector = 512;

/** A card in one state: the image it began with, and sectors over it. In memory, so that many states can be looked at. */
export interface CardState extends DiskBytes {
  /** Keeps more writes. */
  add(kept: Iterable<Kept>): void;
  /** A state of its own over this one, which may lose no writes while that is in use. */
  over(kept: Iterable<Kept>): CardState;
  /** Writes it to a file, for programs that want one. `image`: that it began with. */
  readonly writeTo: (path: string, image: string) => void;
}

/** A card that held the base image and has kept these writes. */
export function cardState(base: DiskBytes, kept: Iterable<Kept> = []): CardState {
  return layer(base, kept, (path, image) => copyFileSync(image, path));
}

function layer(base: DiskBytes, kept: Iterable<Kept>, writeBase: CardState['writeTo']): CardState {
  const over = new Map<number, Buffer>();
  const add = (more: Iterable<Kept>): void => {
    for (const { offset, bytes } of more)
      for (let at = 0; at < bytes.length; at += sector)
        over.set((offset + at) / sector, bytes.subarray(at, at + sector));
  };
  add(kept);
  const state: CardState = {
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
    add,
    over: (more) => layer(state, more, state.writeTo),
    writeTo: (path, image) => {
      writeBase(path, image);
      const file = openSync(path, 'r+');
      for (const [index, bytes] of over) writeSync(file, bytes, 0, bytes.length, index * sector);
      closeSync(file);
    },
  };
  return state;
}
