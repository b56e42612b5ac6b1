import { refusal, success, type Principal, type Result } from '@drover/contract';
import { refuseBelow } from '../../domain/tenancy.js';
import type { BlobStore } from '../blobs/ports.js';
import type { Store } from '../store/ports.js';
import { findImage } from './refs.js';

/** The bytes of an image, for whoever writes them to a card. */
export interface ImageDisk {
  readonly sha256: string;
  readonly size: number;
  readonly filename: string;
  stream(range?: { start: number; end: number }): AsyncIterable<Uint8Array>;
}

/** Refuses with image.not-found, and with image.not-ready until it is imported. */
export async function imageDisk(
  { store, blobs }: { readonly store: Store; readonly blobs: BlobStore },
  who: Principal,
  ref: string,
): Promise<Result<ImageDisk>> {
  const refused = refuseBelow(who, 'operator');
  if (refused !== undefined) return refused;
  const found = await store.read((tx) => findImage(tx, who.tenant, ref));
  if (!found.ok) return found;
  const { digest, size, state, name, version } = found.value;
  if (state !== 'ready' || digest === null || size === null)
    return refusal('image.not-ready', `The image ${name}:${version} is ${state}, and has no disk that can be had.`, {
      remedy: 'Wait for its job to end; import it again if that failed.',
    });
  if ((await blobs.stat(digest)) === undefined)
    return refusal('blob.not-found', `The file of the image ${name}:${version} is gone from the storage.`, {
      remedy: 'Import it again, or restore the folder `blobs` of the server from its own backup.',
    });
  return success({
    ...{ sha256: digest, size, filename: `${name}-${version}.img` },
    stream: (range) => blobs.stream(digest, range),
  });
}
