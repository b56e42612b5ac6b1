import type { FileHandle } from 'node:fs/promises';
import { writeFully } from './durable.js';

const chunkSize = 1024 * 1024;
/** Holes are kept at this grain: the usual block of a file system. */
const grain = 4096;

const zero = Buffer.alloc(grain);

const isZero = (bytes: Buffer): boolean =>
  bytes.length === grain ? bytes.equals(zero) : bytes.equals(zero.subarray(0, bytes.length));

/** Copies a file, writing only blocks that hold something: what was a hole or zero is a hole in the copy. */
export const copySparse = async (from: FileHandle, to: FileHandle, size: number): Promise<void> => {
  const buffer = Buffer.alloc(chunkSize);
  for (let offset = 0; offset < size;) {
    const { bytesRead } = await from.read(buffer, 0, Math.min(chunkSize, size - offset), offset);
    if (bytesRead === 0) throw new Error('the file became shorter while it was copied');
    await writeData(to, buffer.subarray(0, bytesRead), offset);
    offset += bytesRead;
  }
  await to.truncate(size);
};

/** Writes the runs of blocks that are not zero. */
const writeData = async (to: FileHandle, bytes: Buffer, position: number): Promise<void> => {
  let run = -1;
  for (let at = 0; at < bytes.length; at += grain) {
    const empty = isZero(bytes.subarray(at, Math.min(at + grain, bytes.length)));
    if (!empty && run < 0) run = at;
    if (empty && run >= 0) {
      await writeFully(to, bytes.subarray(run, at), position + run);
      run = -1;
    }
  }
  if (run >= 0) await writeFully(to, bytes.subarray(run), position + run);
};
