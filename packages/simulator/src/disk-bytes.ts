/** The bytes of a disk or of a part of one, read where they are needed. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

export interface DiskBytes {
  readonly size: number;
  /** Those bytes; fewer, or none, where the disk ends before. */
  read(offset: number, length: number): Buffer;
}

export const bytesInMemory = (bytes: Buffer): DiskBytes => ({
  size: bytes.length,
  read: (offset, length) => bytes.subarray(offset, offset + length),
});

/** A stretch of a disk, not longer than the disk is. */
export const partOf = (disk: DiskBytes, offset: number, length: number): DiskBytes => {
  const size = Math.max(0, Math.min(length, disk.size - offset));
  return {
    size,
    read: (at, wanted) => disk.read(offset + at, Math.max(0, Math.min(wanted, size - at))),
  };
};

/** An image in a file, which must be closed. */
export const openDiskFile = (path: string): DiskBytes & { close(): void } => {
  const file = openSync(path, 'r');
  return {
    size: fstatSync(file).size,
    read: (offset, length) => {
      const bytes = Buffer.alloc(length);
      let done = 0;
      while (done < length) {
        const got = readSync(file, bytes, done, length - done, offset + done);
        if (got === 0) break;
        done += got;
      }
      return bytes.subarray(0, done);
    },
    close: () => closeSync(file),
  };
};
