import { open } from 'node:fs/promises';
import { ImageError, type RandomAccess } from '@drover/disk-image';

/** Opens a file for reading at any place. */
export async function openDisk(path: string): Promise<RandomAccess & { close(): Promise<void> }> {
  const file = await open(path, 'r');
  const { size } = await file.stat();
  return {
    size,
    read: async (offset, length) => {
      const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, offset);
      if (bytesRead === length) return buffer;
      throw new ImageError('image.truncated', `${path} ends at ${offset + bytesRead}`);
    },
    close: () => file.close(),
  };
}
