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

/** The database belongs to the images of another data folder. */
export class ForeignDatabaseError extends Error {
  constructor(owner: string, idFile: string) {
    super(
      `The PostgreSQL of the setting \`database\` belongs to another data folder (that of server ${owner}), where its images are. ` +
        'Give this server a database of its own, or start it with that data folder. ' +
        `If that folder is lost and this one takes its place, write ${owner} into ${idFile}; images whose bytes are gone must be imported again.`,
    );
    this.name = 'ForeignDatabaseError';
  }
}

/**
 * Blobs and uploads are files of one data folder as yet, so one server has a database: a second one would be asked for images that it does not have. A blob
 * store that several servers reach will have a name of its own to compare here.
 */
const claimDatabase = async (store: SqlStore, serverId: string, idFile: string): Promise<void> => {
  const owner = await store.transaction((tx) => tx.settings.putIfAbsent('data-folder', serverId));
  if (owner !== serverId) throw new ForeignDatabaseError(owner, idFile);
};

const idFileOf = (dataDir: string): string => join(dataDir, 'server-id');

const readServerId = async (dataDir: string): Promise<string> => {
  const file = idFileOf(dataDir);
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
    if (database !== 'sqlite') await claimDatabase(store, serverId, idFileOf(dataDir));
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
