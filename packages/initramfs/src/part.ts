import { promisify } from 'node:util';
import { gzip as gzipCallback } from 'node:zlib';
import { packCpio, type CpioEntry } from '@drover/disk-image';
import { digestOf } from './device-scripts.js';
import { wantedModules } from './kernel-modules/wanted.js';
import type { Architecture, PutBlob } from './ports.js';

const gzip = promisify(gzipCallback);

/** A compressed archive, put behind others or before them. */
export interface InitramfsPart {
  readonly kind: 'common' | 'card' | 'modules' | 'nfs' | 'wifi';
  readonly architecture: Architecture;
  /** Kernel release the modules are for; null for the others. */
  readonly release: string | null;
  readonly blob: string;
  readonly size: number;
}

/** Counts changes of how parts are made that change what is made. */
export const layout = 1;
/** Fast: what is won by more is less than it takes a board to fetch. */
export const level = 4;

/** Changes when what is made of the modules of the same root changes. */
export const modulesRecipe = digestOf([`layout ${layout} level ${level}`, ...wantedModules]);

/**
 * Compresses an archive so that others may follow it: parts are put one behind the other, and the kernel looks for the next one
 * at a multiple of four, over zeros (Documentation/driver-api/early-userspace/buffer-format).
 */
async function compress(archive: Uint8Array): Promise<Uint8Array> {
  const packed = await gzip(archive, { level });
  return Buffer.concat([packed, Buffer.alloc((4 - (packed.length % 4)) % 4)]);
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** Packs entries and stores them. */
export async function storePart(
  put: PutBlob,
  entries: Iterable<CpioEntry>,
  what: Pick<InitramfsPart, 'kind' | 'architecture' | 'release'>,
): Promise<InitramfsPart> {
  const { digest, size } = await put(once(await compress(packCpio(entries))));
  return { ...what, blob: digest, size };
}
