import { open, mkdir, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';

/** The code of a system error (`ENOENT`), undefined for anything else. */
export const systemCode = (error: unknown): string | undefined =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;

export const isAbsent = (error: unknown): boolean => systemCode(error) === 'ENOENT';

/** Turns "no room" into the refusal that tells so; hands every other error back. */
export const refuseWhenFull = (error: unknown): unknown => {
  const code = systemCode(error);
  if (code !== 'ENOSPC' && code !== 'EDQUOT') return error;
  const refused = refusal('storage.full', 'There is no room left where the images are kept; nothing was stored', {
    remedy: 'Free space there, for example by deleting images and `drover blob collect`.',
  });
  return Object.assign(new RefusedError(refused), { cause: error });
};

/** Makes the names in a folder durable: what was created, renamed or removed in it stays so after a power cut. */
export const syncFolder = async (folder: string): Promise<void> => {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Makes a folder for this user alone, with its name durable. Its parents must be there. */
export const makeFolder = async (folder: string): Promise<void> => {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return;
    throw error;
  }
  await syncFolder(dirname(folder));
};

/** Writes all of `bytes` at `position`; the system may take less at once. */
export const writeFully = async (handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> => {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done);
    done += bytesWritten;
  }
};
