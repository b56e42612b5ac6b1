import { open } from 'node:fs/promises';
import { ImageError, type RandomAccess } from '@drover/disk-image';

const truncated = (offset: number, length: number, size: number) =>
  new ImageError('image.truncated', `${length} bytes at ${offset} are wanted but there are only ${size}`, {
    at: offset,
  });

/** A local file as a source of random access; a read that does not fit rejects with ImageError('image.truncated'). */
export async function openFileSource(path: string): Promise<RandomAccess & { close(): Promise<void> }> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  return {
    size,
    read: async (offset, length) => {
      if (offset < 0 || length < 0 || offset + length > size) throw truncated(offset, length, size);
      const bytes = Buffer.allocUnsafe(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await file.read(bytes, done, length - done, offset + done);
        if (bytesRead === 0) throw truncated(offset, length, offset + done);
        done += bytesRead;
      }
      return bytes;
    },
    close: () => file.close(),
  };
}
