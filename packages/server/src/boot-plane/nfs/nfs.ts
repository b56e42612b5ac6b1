import { join } from 'node:path';
import { createToolRunner } from '@drover/tools';
import {
  createExportMemory,
  createGanesha,
  createKernelNfs,
  isAnswering,
  openDirectories,
} from '../../adapters/nfs/index.js';
import { pause } from '../../app/jobs/pause.js';
import type { BoardBook } from '../../app/boot/plane/board-book.js';
import type { NewEntry } from '../../app/boot/plane/ports.js';
import { createDirectoryWork, type DirectoryWork } from '../../app/nfs/plane/directory-work.js';
import { createNfsExports, type NfsExports } from '../../app/nfs/plane/nfs-exports.js';
import type { NfsServer } from '../../app/nfs/ports.js';
import type { Log } from '../../app/ports.js';
import type { Settings } from '../../config.js';
import { StartError } from '../settings.js';
import { unpackInThread } from './unpack.js';

export interface NfsPart {
  readonly exports: NfsExports;
  readonly work: DirectoryWork;
}

interface Deps {
  readonly settings: Settings;
  readonly blobPath: (digest: string) => Promise<string>;
  readonly book: BoardBook;
  readonly askAttachments: (device: string) => Promise<void>;
  readonly serverAddress: () => string;
  readonly note: (session: string, entry: NewEntry) => void;
  readonly changed: () => void;
  readonly log: Log;
}

/** Directories of boards and who serves them; undefined where the settings have nobody do it. */
export async function openNfs(deps: Deps): Promise<NfsPart | undefined> {
  const { settings, blobPath, book, note, log } = deps;
  const { driver, folder, clone: method } = settings.nfs;
  if (driver === 'off') return undefined;
  if (process.getuid?.() !== 0)
    throw new StartError(
      `The setting nfs.driver is ${driver}, which takes root: it mounts, and makes files of other owners. Start drover as root, or set it to off.`,
    );
  const tools = createToolRunner();
  const pool = await openDirectories({ folder, method, blobPath, unpack: unpackInThread, tools, log });
  const server = createServer(settings, log);
  const exports = createNfsExports({
    ...{ server, pool, log, pause },
    isAnswering: (address) => isAnswering(tools, address),
    memory: createExportMemory(join(folder, 'exports.json')),
    moved: (session, from, to) => note(session, { type: 'nfs.moved', from, to }),
    impostor: (session, from, to) => {
      log.warn(
        { session, from, to },
        'somebody with the hardware address of a board that is up asked for another address',
      );
      note(session, { type: 'nfs.refused', from, to });
    },
  });
  return { exports, work: createDirectoryWork({ ...deps, pool, server, exports, book }) };
}

function createServer({ nfs }: Settings, log: Log): NfsServer {
  const { driver, folder, port, mountPort, exportsFile } = nfs;
  if (driver === 'kernel') return createKernelNfs({ tools: createToolRunner(), exportsFile });
  return createGanesha({ folder: join(folder, 'ganesha'), port, mountPort, log });
}
