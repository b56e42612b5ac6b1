import { link, open, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createQcow2, type BlockFile, type CreateQcow2Options, type Qcow2Environment } from '@drover/disk-image';
import { openBlockFile, type BlockFileDeps } from './block-file.js';
import { unlessAbsent } from './file-error.js';

export interface DiskFilesDeps {
  readonly files: BlockFileDeps;
  readonly environment: Qcow2Environment;
  /** How long a file is waited for that another process still has open, in ms: one that was killed may be making holes. */
  readonly lockWaitMs: number;
}

/** A file for an image that nobody can find until it is published. */
export interface NewImageFile {
  readonly file: BlockFile;
  /** Gives the file its name, durably. Rejects with EEXIST when there is one of that name. */
  publish(): Promise<void>;
  /** Removes it, also when it has its name already. */
  discard(): Promise<void>;
}

/** Where a file is until it is published. */
export const beingMade = (path: string): string => `${path}.new`;

/** Begins an image at this path, locked when it is to stay open. What was left there by a server that was killed is removed. */
export async function newImageFile(
  path: string,
  { files, lockWaitMs }: DiskFilesDeps,
  { locked }: { locked: boolean },
): Promise<NewImageFile> {
  const temporary = beingMade(path);
  await unlink(temporary).catch(unlessAbsent);
  const file = await openBlockFile(temporary, files, { create: true, ...(locked ? { lockWaitMs } : {}) });
  let isNamed = false;
  return {
    file,
    publish: async () => {
      // Unlike rename(2), link(2) replaces nothing.
      await link(temporary, path);
      isNamed = true;
      await unlink(temporary);
      await syncFolder(dirname(path));
    },
    discard: async () => {
      await unlink(temporary).catch(unlessAbsent);
      if (isNamed) await unlink(path).catch(unlessAbsent);
    },
  };
}

/** Creates an overlay, which is durable when it resolves. Throws `image.qcow2.parameter`, `image.qcow2.backing`, or with the system's code. */
export async function createDiskFile(path: string, options: CreateQcow2Options, deps: DiskFilesDeps): Promise<void> {
  const image = await newImageFile(path, deps, { locked: false });
  try {
    await createQcow2(image.file, options);
    await image.publish();
  } catch (error) {
    await image.discard();
    throw error;
  } finally {
    await image.file.close();
  }
}

/** Makes the names in a folder durable. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
