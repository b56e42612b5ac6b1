import { copyFile, constants, link, open } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';
import { detectContainer } from '@drover/disk-image';
import type { BlobInfo } from '../../app/blobs/ports.js';
import type { ImageUnpacker } from '../../app/images/ports.js';
import { assemble } from './assemble.js';
import { decode } from './decode.js';
import { decoders } from './decoders.js';
import { createDownload, type DownloadSettings } from './download.js';
import { hashFile } from './hash-file.js';
import { openInput, readHead } from './head.js';
import { writeSparse } from './sparse-writer.js';
import { openZippedDisk } from './zip.js';

type UnpackOptions = Parameters<ImageUnpacker['unpack']>[2];

/** A plain disk: taken over by a hard link where we own the input, else copied (as a reflink where the file system can). */
async function takePlain(input: string, output: string, options: UnpackOptions): Promise<BlobInfo> {
  const linked =
    options.mayTake &&
    (await link(input, output)
      .then(() => true)
      .catch(() => false));
  if (!linked) await copyFile(input, output, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  // For reading only: it may be without the right to write, as the input was, or a blob already under its other name.
  const file = await open(output, 'r');
  try {
    const { size } = await file.stat();
    if (size > options.limit) {
      throw new RefusedError(
        refusal('image.too-large', `The image has ${size} bytes, more than ${options.limit}.`, {
          remedy: 'Raise images.maxSize in the settings.',
        }),
      );
    }
    const hashed = await hashFile(file, {
      signal: options.signal,
      onBytes: (done) => options.progress(done, size),
    });
    await file.datasync();
    return hashed;
  } finally {
    await file.close();
  }
}

async function takeZipped(input: string, output: string, options: UnpackOptions): Promise<BlobInfo> {
  const disk = await openZippedDisk(input);
  try {
    return await writeSparse(
      counted(disk.stream, (done) => options.progress(done, disk.size)),
      output,
      options,
    );
  } finally {
    disk.close();
  }
}

async function* counted(stream: AsyncIterable<Uint8Array>, onBytes: (done: number) => void): AsyncIterable<Uint8Array> {
  let done = 0;
  for await (const chunk of stream) {
    yield chunk;
    done += chunk.length;
    onBytes(done);
  }
}

async function unpack(input: string, output: string, options: UnpackOptions): Promise<BlobInfo> {
  const container = detectContainer(await readHead(input));
  switch (container) {
    case 'img':
      return takePlain(input, output, options);
    case 'xz':
    case 'gz':
    case 'zst':
      return decode(decoders[container], input, output, options);
    case 'zip':
      return takeZipped(input, output, options);
    default:
      throw new RefusedError(
        refusal('image.unsupported', 'This is neither a disk image nor one compressed with xz, gzip, zstd or zip.', {
          remedy: 'Import an SD-card image: .img, .img.xz, .img.gz, .img.zst or .zip.',
        }),
      );
  }
}

const digest: ImageUnpacker['digest'] = async (path, options) => {
  const file = await openInput(path);
  try {
    const { size } = await file.stat();
    return await hashFile(file, {
      signal: options.signal,
      onBytes: (done) => options.progress(done, size),
    });
  } finally {
    await file.close();
  }
};

/** Containers are told by their bytes, never by their name. Needs xz, gzip, zstd (and mtools, e2fsprogs for `assemble`) on PATH. */
export const createImageUnpacker = (settings: DownloadSettings): ImageUnpacker => ({
  unpack,
  download: createDownload(settings),
  digest,
  assemble,
});
