import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { createClusterCache, createTableCache } from '@drover/disk-image';
import { createFileLock, createGate, createHolePuncher } from '../../../src/adapters/disks/index.js';
import { createDiskPool } from '../../../src/adapters/disks/pool/pool.js';
import type { DiskPool } from '../../../src/app/disks/pool.js';
import { silentLog } from '../../boot/log.js';
import { testIds } from './world.js';

const MiB = 1 << 20;

export interface TestPool {
  /** Holds `blob`, the bytes of the one image there is, uploads by their ids, and the pool's own folder. */
  readonly folder: string;
  readonly disks: string;
  readonly digest: string;
  /** Which boot of the machine it is. */
  readonly bootId: string;
}

/** A pool of real files, as a server opens it. */
export const openTestPool = ({ folder, disks, digest, bootId }: TestPool): Promise<DiskPool> =>
  createDiskPool({
    folder: join(folder, disks),
    files: {
      files: { slow: createGate(4), lock: createFileLock(), puncher: createHolePuncher() },
      environment: {
        tables: createTableCache({ bytes: 4 * MiB }),
        bootId,
        randomHex: (bytes) => randomBytes(bytes).toString('hex'),
      },
      lockWaitMs: 300,
    },
    after: (ms, run) => {
      const timer = setTimeout(run, ms);
      return () => clearTimeout(timer);
    },
    cache: createClusterCache({ bytes: 16 * MiB }),
    blobPath: async (asked) => {
      if (asked === digest) return join(folder, 'blob');
      throw new RefusedError(refusal('blob.not-found', 'no such blob'));
    },
    uploadPath: (upload) => join(folder, upload),
    clock: { now: () => Date.now() },
    ids: testIds,
    log: silentLog,
  });
