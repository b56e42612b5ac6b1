import { open, type FileHandle } from 'node:fs/promises';
import { refusal, RefusedError } from '@drover/contract';

/** Enough for every magic number, the MBR signature and a GPT header at sector 1. */
const headLength = 4096;

/** Opens what is to be imported; that it went away since it was asked for is no fault of ours. */
export async function openInput(path: string): Promise<FileHandle> {
  try {
    const file = await open(path, 'r');
    if ((await file.stat()).isFile()) return file;
    await file.close();
    throw unreadable('it is no file');
  } catch (fault) {
    const { code } = fault as NodeJS.ErrnoException;
    throw code === undefined ? fault : unreadable(code);
  }
}

const unreadable = (why: string) =>
  new RefusedError(
    refusal('image.source-unreachable', `The file to import is gone or cannot be read (${why}).`, {
      remedy: 'Put it back where the server may read it, and import it again.',
    }),
  );

/** The first bytes of a file, by which its container is told. */
export async function readHead(path: string): Promise<Uint8Array> {
  const file = await openInput(path);
  try {
    const head = Buffer.alloc(headLength);
    const { bytesRead } = await file.read(head, 0, headLength, 0);
    return head.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
