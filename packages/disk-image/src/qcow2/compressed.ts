import { constants, inflateRaw } from 'node:zlib';
import { ImageError } from '../errors.js';
import type { L2Entry } from './format.js';
import type { BlockSource } from './types.js';

/** The bytes of a compressed cluster: deflate without a header, padded to sectors (RFC 1951). Throws `image.qcow2.corrupt`. */
export async function inflateCluster(file: BlockSource, entry: L2Entry, clusterSize: number): Promise<Uint8Array> {
  const { offset, length } = entry.compressed ?? { offset: 0, length: 0 };
  const packed = Buffer.alloc(length);
  await file.readInto(offset, packed);
  const options = { maxOutputLength: clusterSize, finishFlush: constants.Z_SYNC_FLUSH };
  return new Promise((resolve, reject) => {
    inflateRaw(packed, options, (cause, bytes) => {
      if (cause === null && bytes.length === clusterSize) resolve(bytes);
      else reject(damaged(offset, cause));
    });
  });
}

const damaged = (at: number, cause: unknown): ImageError =>
  new ImageError('image.qcow2.corrupt', `The compressed cluster at ${at} cannot be unpacked`, {
    at,
    cause,
    remedy: 'The image is damaged: restore a backup.',
  });
