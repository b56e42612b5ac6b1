import { Readable } from 'node:stream';
import { constants, createGzip } from 'node:zlib';

/** The bytes as gzip, made while they are read. For what is mostly compressed already, as kernels are: little effort will do. */
export function gzip(bytes: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = Readable.from(bytes, { objectMode: false });
  const packed = createGzip({ level: constants.Z_BEST_SPEED });
  source.on('error', (error) => packed.destroy(error));
  // Whoever stops reading wants no more of it.
  packed.on('close', () => source.destroy());
  return source.pipe(packed);
}
