import { join } from 'node:path';
import {
  createOwnFilesReader,
  openCopies,
  type CopyLimits,
  type OwnFilesLimits,
} from '../../adapters/boot-files/index.js';
import type { FsBlobStore } from '../../adapters/blobs/index.js';
import { createGate } from '../../adapters/disks/index.js';
import type { OwnFilesReader } from '../../app/boot/plane/ports.js';
import type { DiskPool } from '../../app/disks/pool.js';
import type { Exports } from '../../app/disks/plane/exports.js';
import { startReadingThread } from './start-thread.js';

/** Bytes by digest: blobs, and copies of what lies on disks. */
export interface BootBytes {
  /** Exactly `length` bytes; rejects when they are not there. */
  read(digest: string, offset: number, length: number): Promise<Uint8Array>;
  localPath(digest: string): string | undefined;
}

export interface OwnFilesPart {
  readonly reader: OwnFilesReader;
  readonly bytes: BootBytes;
}

interface Deps {
  readonly dataDir: string;
  readonly blobs: Pick<FsBlobStore, 'read' | 'localPath'>;
  readonly pool: Pick<DiskPool, 'hold'>;
  readonly exports: () => Pick<Exports, 'withDisk'>;
  readonly copyLimits?: CopyLimits;
}

const MiB = 1024 * 1024;
/** For all boards. What was used longest ago goes. */
const mostCopies: CopyLimits = { bytes: 4096 * MiB, files: 65_536 };
/** For one: a boot partition of any vendor, all of it upgraded, with room to spare. */
const limits: OwnFilesLimits = {
  ...{ files: 4_096, copies: 2_048, bytes: 4096 * MiB, copiedBytes: 768 * MiB },
  ...{ texts: MiB, tree: 4 * MiB },
};
/** A thread takes as much of a core as it can get. */
const atOnce = 2;
/** Both together less than a TFTP request is kept waiting. */
const patience = { files: 20_000, modules: 60_000 };

const after = (ms: number, run: () => void): (() => void) => {
  const timer = setTimeout(run, ms);
  return () => clearTimeout(timer);
};

/** Reads boot files off boards' own disks, with copies below `run/boot-files`. */
export async function openOwnFiles({ dataDir, blobs, pool, exports, copyLimits }: Deps): Promise<OwnFilesPart> {
  const copies = await openCopies(join(dataDir, 'run', 'boot-files'), copyLimits ?? mostCopies);
  const reader = createOwnFilesReader({
    copies,
    useDisk: (disk, work) =>
      exports().withDisk(disk, async () => {
        const held = await pool.hold(disk);
        try {
          return await work(held);
        } finally {
          await held.release();
        }
      }),
    startThread: startReadingThread,
    gate: createGate(atOnce),
    ...{ limits, after, patience },
  });
  return {
    reader,
    bytes: {
      read: (digest, offset, length) =>
        copies.has(digest) ? copies.read(digest, offset, length) : blobs.read(digest, offset, length),
      localPath: (digest) => (copies.has(digest) ? copies.path(digest) : blobs.localPath(digest)),
    },
  };
}
