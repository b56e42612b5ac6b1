import { refusal, success, type Principal, type Refusal, type Result } from '@drover/contract';
import type { BlobStore } from '../blobs/ports.js';
import type { Store } from '../store/ports.js';
import { findImage } from './refs.js';

interface Deps {
  readonly store: Store;
  readonly blobs: Pick<BlobStore, 'stat' | 'stream'>;
}

/** A file of known bytes. */
export interface DownloadedFile {
  readonly sha256: string;
  readonly size: number;
  readonly filename: string;
  stream(range?: { start: number; end: number }): AsyncIterable<Uint8Array>;
}

/** What is given out of images, to be written to cards. */
export interface ImageDownloads {
  /** The whole disk, as it was imported or built. */
  disk(who: Principal, ref: string): Promise<Result<DownloadedFile>>;
}

export const createImageDownloads = ({ store, blobs }: Deps): ImageDownloads => ({
  disk: async (who, ref) => {
    const found = await store.read((tx) => findImage(tx, who.tenant, ref));
    if (!found.ok) return found;
    const { name, version, state, digest, size } = found.value;
    if (state !== 'ready' || digest === null || size === null) return notReady(`${name}:${version}`);
    if ((await blobs.stat(digest)) === undefined) return goneFromStorage(`${name}:${version}`);
    const filename = `${name}-${version}.img`;
    return success({ sha256: digest, size, filename, stream: (range) => blobs.stream(digest, range) });
  },
});

const notReady = (ref: string): Refusal =>
  refusal('image.not-ready', `The image ${ref} is not ready.`, {
    remedy: 'See `drover image show` for what it waits for.',
  });

const goneFromStorage = (ref: string): Refusal =>
  refusal('blob.not-found', `The disk of ${ref} is gone from the storage.`, {
    remedy: 'Restore the folder `blobs` of the server from its backup, or import the image again.',
  });
