import { join } from 'node:path';
import { createTableCache, type ClusterCache } from '@drover/disk-image';
import type { DiskPool } from '../../app/disks/pool.js';
import type { Clock, Ids, Log } from '../../app/ports.js';
import { readBootId } from './boot-id.js';
import { createFileLock } from './file-lock.js';
import { createGate } from './gate.js';
import { createHolePuncher } from './hole-puncher.js';
import { createDiskPool } from './pool/pool.js';

export interface LocalDisksDeps {
  readonly dataDir: string;
  /** Path of an image's blob. */
  readonly blobPath: (digest: string) => Promise<string>;
  /** Path of an upload. */
  readonly uploadPath: (upload: string) => string;
  /** For parts of images that many disks read. */
  readonly imageCache: ClusterCache;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** Memory for tables of disks. */
const tableBytes = 64 << 20;
/** libuv has four threads; syncs and truncates take at most half of them, so that reads are not kept waiting. */
const slowCalls = 2;

/** A server that was killed may be making holes for as long. */
const lockWaitMs = 30_000;

const after = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms);
  timer.unref();
  return () => clearTimeout(timer);
};

const disksFolder = (dataDir: string): string => join(dataDir, 'disks');

/** Where the boot plane puts the file of a backup for the control plane to take. */
export const backupPath = (dataDir: string, backup: string): string => join(disksFolder(dataDir), 'backups', backup);

/** The disks in the data folder of this server. */
export const openLocalDisks = async ({
  dataDir,
  blobPath,
  uploadPath,
  imageCache,
  clock,
  ids,
  log,
}: LocalDisksDeps): Promise<DiskPool> =>
  createDiskPool({
    folder: disksFolder(dataDir),
    files: {
      files: { slow: createGate(slowCalls), lock: createFileLock(), puncher: createHolePuncher() },
      environment: {
        tables: createTableCache({ bytes: tableBytes }),
        bootId: await readBootId(),
        randomHex: (bytes) => ids.randomHex(bytes),
      },
      lockWaitMs,
    },
    cache: imageCache,
    after,
    ...{ blobPath, uploadPath, clock, ids, log },
  });
