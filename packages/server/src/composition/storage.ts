import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createFsBlobStore, createUploadStore, type FsBlobStore } from '../adapters/blobs/index.js';
import { createSqlStore, type SqlStore } from '../adapters/sql/index.js';
import type { UploadStore } from '../app/images/ports.js';
import type { Log } from '../app/ports.js';
import type { Settings } from '../config.js';

/** Where everything is kept. */
export interface Storage {
  readonly store: SqlStore;
  readonly blobs: FsBlobStore;
  readonly uploads: UploadStore;
  /** Name of this server, the same in each of its lives and no other's: it lies in the data folder, which is this server's alone. */
  readonly serverId: string;
  close(): Promise<void>;
}

const readServerId = async (dataDir: string): Promise<string> => {
  const file = join(dataDir, 'server-id');
  const known = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  if (known.trim() !== '') return known.trim();
  const fresh = randomUUID();
  await writeFile(`${file}.new`, `${fresh}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
  return fresh;
};

/** Opens the data folder and the database, and brings both up to date. */
export const openStorage = async ({ dataDir, database }: Settings, log: Log): Promise<Storage> => {
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const serverId = await readServerId(dataDir);
  const store = await createSqlStore(
    database === 'sqlite' ? { file: join(dataDir, 'drover.sqlite'), log } : { url: database, log },
  );
  try {
    const blobs = await createFsBlobStore(join(dataDir, 'blobs'));
    const uploads = await createUploadStore(join(dataDir, 'uploads'));
    await blobs.sweepScratch();
    return {
      store,
      blobs,
      uploads,
      serverId,
      close: async () => {
        await blobs.close();
        await store.close();
      },
    };
  } catch (error) {
    await store.close();
    throw error;
  }
};
