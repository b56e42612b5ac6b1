import { ReadableStream } from 'node:stream/web';
import { gunzip, inflateRaw, type ZlibOptions } from 'node:zlib';
import xz from 'xz-decompress';
import { ImageError } from '../errors.js';
import { detectCompression, type Compression } from './container.js';
import { gzipHeaderLength } from './gzip-header.js';
import { xzStreamLength } from './xz-length.js';
import { decodeZstd } from './zstd/decode.js';
import { OutputFull } from './zstd/output.js';

export interface DecompressOptions {
  /** The most bytes that may come out; above it `image.too-large`. */
  limit: number;
  /** Take the first gzip member, xz stream or zstd frames, and whatever bytes behind it. Default false. */
  ignoreTrailing?: boolean;
}

const tooLarge = (limit: number): ImageError =>
  new ImageError('image.too-large', `Decompressed it has more than the ${limit} bytes allowed here`);

function damaged(compression: Compression, cause: unknown): ImageError {
  if (cause instanceof ImageError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new ImageError('image.compression.corrupt', `The ${compression} data cannot be decompressed: ${why}`, {
    cause,
  });
}

/** Collects output up to a limit. */
class Output {
  private readonly chunks: Uint8Array[] = [];
  private length = 0;
  private readonly limit: number;

  constructor(limit: number) {
    this.limit = limit;
  }

  add(chunk: Uint8Array): void {
    this.length += chunk.length;
    if (this.length > this.limit) throw tooLarge(this.limit);
    this.chunks.push(chunk);
  }

  bytes(): Uint8Array {
    return Buffer.concat(this.chunks, this.length);
  }
}

/** With bytes behind it that are not zeros, zlib's gunzip fails; so the header is skipped and the rest inflated. */
function fromGzip(bytes: Uint8Array, limit: number, ignoreTrailing: boolean): Promise<Uint8Array> {
  // zlib takes no limit of 0.
  const options: ZlibOptions = { maxOutputLength: Math.max(1, limit) };
  return new Promise((resolve, reject) => {
    const done = (error: NodeJS.ErrnoException | null, result: Uint8Array): void => {
      const full = error?.code === 'ERR_BUFFER_TOO_LARGE';
      if (full || (error === null && result.length > limit)) reject(tooLarge(limit));
      else if (error === null) resolve(result);
      else reject(error);
    };
    if (ignoreTrailing) inflateRaw(bytes.subarray(gzipHeaderLength(bytes)), options, done);
    else gunzip(bytes, options, done);
  });
}

async function fromXz(bytes: Uint8Array, limit: number): Promise<Uint8Array> {
  const input = new ReadableStream<Uint8Array>({
    start: (controller) => {
      controller.enqueue(bytes);
      controller.close();
    },
  });
  const output = new Output(limit);
  // Leaving the loop early cancels the stream, which frees the decoder for the next caller.
  for await (const chunk of new xz.XzReadableStream(input)) output.add(chunk);
  return output.bytes();
}

/**
 * Decompresses a small thing as a whole: a kernel, a kernel module. Detects gzip, xz and zstd by their first
 * bytes; what has none of the known marks is returned as it is. Throws `image.too-large` above the limit,
 * `image.compression.corrupt`, and `image.compression.unsupported` for lz4, bzip2 and lzma.
 */
export async function decompress(bytes: Uint8Array, options: DecompressOptions): Promise<Uint8Array> {
  const { limit, ignoreTrailing = false } = options;
  const compression = detectCompression(bytes);
  try {
    switch (compression) {
      case 'none':
        return bytes;
      case 'gzip':
        return await fromGzip(bytes, limit, ignoreTrailing);
      case 'xz':
        return await fromXz(ignoreTrailing ? bytes.subarray(0, xzStreamLength(bytes)) : bytes, limit);
      case 'zstd':
        return decodeZstd(bytes, limit, ignoreTrailing);
      default:
        throw new ImageError('image.compression.unsupported', `It is compressed with ${compression}`, {
          remedy: 'Recompress it with gzip, xz or zstd.',
        });
    }
  } catch (error) {
    if (error instanceof OutputFull) throw tooLarge(limit);
    throw damaged(compression, error);
  }
}
