import { networkInterfaces } from 'node:os';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { createClusterCache, type ClusterCache } from '@drover/disk-image';
import { BackendError, createBackendClient, createNeighbours, createPlaneMemory } from '../adapters/backend/index.js';
import { createFsBlobStore, uploadPath } from '../adapters/blobs/index.js';
import { createDiskExport, createImageExport, openLocalDisks } from '../adapters/disks/index.js';
import { createIds, systemClock } from '../adapters/system/index.js';
import { createBootAnswers } from '../app/boot/plane/answers.js';
import { createBoardBook } from '../app/boot/plane/board-book.js';
import { createBoardLogs, type BoardLogs } from '../app/boot/plane/board-logs.js';
import { createBoardExchange } from '../app/boot/plane/board-exchange.js';
import { createBeats } from '../app/boot/plane/beats.js';
import { createBoots } from '../app/boot/plane/boots.js';
import { createCardContent } from '../app/boot/plane/card-content.js';
import { createCardBoots, type CardBoots } from '../app/boot/plane/card-boots.js';
import { createChallenge } from '../app/boot/plane/challenge.js';
import { createDeviceApi, type DeviceApi } from '../app/boot/plane/device-api.js';
import { createBootFiles } from '../app/boot/plane/files.js';
import { createIdentify } from '../app/boot/plane/identify.js';
import { createLeaseBook, type PlaneLeases } from '../app/boot/plane/leases.js';
import { createLiveness } from '../app/boot/plane/liveness.js';
import { createLocateBoard } from '../app/boot/plane/locate-board.js';
import { createOverlays } from '../app/boot/plane/overlays.js';
import { createOwnFiles } from '../app/boot/plane/own-files.js';
import type { BootAnswers, BootFiles, NewEntry } from '../app/boot/plane/ports.js';
import { createRuleNotes } from '../app/boot/plane/rule-notes.js';
import type { RuleFiles } from '../app/boot/plane/rules.js';
import { createSegmentReader } from '../app/boot/plane/segments.js';
import { createSigns } from '../app/boot/plane/signs.js';
import { createPlaneState } from '../app/boot/plane/state.js';
import { createTelemetryQueue, type TelemetryQueue } from '../app/boot/plane/telemetry.js';
import { createTreeLoader } from '../app/boot/plane/trees.js';
import { createBoardDisks } from '../app/disks/plane/board-disks.js';
import { createExports, type Exports } from '../app/disks/plane/exports.js';
import { createOrderWorker } from '../app/disks/plane/order-worker.js';
import { createRootGrowth } from '../app/disks/plane/root-growth.js';
import { pause } from '../app/jobs/pause.js';
import type { Log, Service } from '../app/ports.js';
import { backendSocket } from '../composition/paths.js';
import type { Settings } from '../config.js';
import { bootUrl } from './settings.js';
import { openOwnFiles } from './own-files/own-files.js';
import { openNfs } from './nfs/nfs.js';
import { openTftpRules } from './tftp-rules.js';

/** The boot plane without its listeners. */
export interface BootApplication {
  readonly answers: BootAnswers;
  readonly files: BootFiles;
  /** Of TFTP alone, before `files`; undefined where there are none. */
  readonly rules: RuleFiles | undefined;
  readonly device: DeviceApi;
  readonly cards: CardBoots;
  readonly leases: PlaneLeases;
  readonly telemetry: TelemetryQueue;
  /** What bootloaders and kernels write. */
  readonly logs: BoardLogs;
  /** Where the bytes of a blob, or of a copy of what lies on a disk, are on this machine. */
  readonly localPath: (digest: string) => string | undefined;
  /** What boards read of images. */
  readonly imageCache: ClusterCache;
  /** Disks and images that boards attach. */
  readonly exports: Exports;
  /** Puts an entry on the timeline of a session. */
  readonly note: (session: string, entry: NewEntry) => void;
  /** The board of a session gave a sign of life that is not worth an entry. */
  readonly heard: (session: string) => void;
  /** What has to run, in the order it is started. */
  readonly services: readonly Service[];
  close(): Promise<void>;
}

/** `192.0.2.1` of `http://192.0.2.1:8081`. */
const hostOf = (url: string | undefined): string | undefined => (url === undefined ? undefined : new URL(url).hostname);

/** Memory for boot files that are read in pieces; what is sent whole does not pass here. */
const cacheBytes = 48 * 1024 * 1024;

export async function createBootApplication(
  settings: Settings,
  log: Log,
  httpPort: () => number,
): Promise<BootApplication> {
  const { dataDir, site, boot } = settings;
  const clock = systemClock;
  const ids = createIds({ clock });
  const backend = createBackendClient(backendSocket(dataDir));
  const blobs = await createFsBlobStore(join(dataDir, 'blobs'));
  const blobPath = async (digest: string): Promise<string> => {
    const path = (await blobs.stat(digest)) === undefined ? undefined : blobs.localPath(digest);
    if (path !== undefined) return path;
    throw new RefusedError(refusal('blob.not-found', `The image ${digest} that a disk lies on is not stored here.`));
  };
  const uploads = join(dataDir, 'uploads');
  const imageCache = createClusterCache({ bytes: boot.nbd.imageCache });
  const pool = await openLocalDisks({
    ...{ dataDir, blobPath, imageCache, clock, ids, log },
    uploadPath: (upload) => uploadPath(uploads, upload),
  });
  const neighbours = createNeighbours();
  const book = createBoardBook((session) => {
    exports.endSession(session, 'the board has started again');
    nfs?.exports.endSession(session);
    overlays.forget(session);
    liveness.forget(session);
  });
  const liveness = createLiveness({ clock });
  const { sessionTtlSeconds } = boot;

  const leases: PlaneLeases = createLeaseBook({
    ...{ backend, log },
    remembered: () => state.leases(),
    changed: () => state.changed(),
  });
  const state = createPlaneState({
    memory: createPlaneMemory(join(dataDir, 'run', 'boot-cache.json'), log),
    currentLeases: () => leases.all(),
    ...{ backend, book, log },
  });
  const changed = (): void => state.changed();
  const bootKey = (): string | undefined => state.bootKey();

  /** The secret of this boot was somebody else's too: what it opened is open to nobody. */
  const shutOut = (session: string): void => {
    exports.endSession(session, 'the boot session was revoked');
    nfs?.exports.endSession(session);
  };
  const telemetry = createTelemetryQueue({
    ...{ backend, log },
    batchId: () => ids.randomHex(16),
    isHopeless: (error) => error instanceof BackendError && error.kind === 'refused',
    onReply: ({ revoked }) => {
      for (const session of revoked) {
        const current = book.bootOf(session);
        if (current !== undefined) current.revoked = true;
        shutOut(session);
      }
    },
  });
  const signs = createSigns({ clock, push: (item) => telemetry.push(item) });
  const identify = createIdentify({ backend, book, clock, log, changed });
  const boots = createBoots({
    ...{ book, clock, ids, log, changed },
    push: (item) => telemetry.push(item),
    opened: (boot) => overlays.prepare(boot),
    sessionTtlSeconds,
  });
  const exports = createExports({
    book,
    bootKey,
    openDisk: async (id, { session, begins, readOnly }) => {
      if (begins) await growRootOf(id, session);
      const held = await pool.hold(id);
      const facts = { label: id, release: () => held.release() };
      return readOnly ? createImageExport(held.disk, facts) : createDiskExport(held.disk, facts);
    },
    openImage: async (digest) => {
      const held = await pool.holdImage(digest);
      return createImageExport(held.view, { label: 'image', release: () => held.release() });
    },
  });
  const boardDisks = createBoardDisks({ backend, book, exports, clock, log, pause, changed });
  const nfs = await openNfs({
    ...{ settings, blobPath, book, changed, log },
    askAttachments: (device) => boardDisks.refresh(device),
    serverAddress: () => hostOf(bootUrl(boot, networkInterfaces())) ?? '127.0.0.1',
    note: (session, entry) => noteSession(session, entry),
  });
  const growRootOf = createRootGrowth({ pool, note: (session, entry) => noteSession(session, entry), log });
  const diskWork = createOrderWorker({
    exchange: (known, reports, signal) => backend.diskOrders(known, reports, signal),
    withoutDisk: (disk, reason, work) => exports.withoutDisk(disk, reason, work),
    attachments: boardDisks,
    challenge: createChallenge({ book, liveness }),
    directories: nfs?.work,
    ...{ pool, log, pause },
  });
  const ownFiles = await openOwnFiles({ dataDir, blobs, pool, exports: () => exports });
  const segments = createSegmentReader({ blobs: ownFiles.bytes, cacheBytes });
  const trees = createTreeLoader({ blobs, backend, segments });
  const own = createOwnFiles({
    reader: ownFiles.reader,
    note: (boot, entry) => boots.note(boot, entry),
    ...{ changed, clock, log },
  });
  const overlays = createOverlays({
    ...{ trees, own, bootKey, log, copies: ownFiles.reader },
    nfsRoot: (disk) => nfs?.work.mountOf(disk)?.path,
    logPort: boot.logs.kernel ? boot.logs.listen[0]?.port : undefined,
  });
  const locate = createLocateBoard({ identify, book, neighbours, clock, site });
  const serverUrl = (local: string): string => `http://${boot.serverAddress ?? local}:${httpPort()}`;

  const noteSession: BootApplication['note'] = (session, entry) => {
    const at = new Date(clock.now()).toISOString();
    const device = book.bySession(session)?.answer.device.id ?? null;
    telemetry.push({ kind: 'entry', session, device, entry: { ...entry, at } });
  };

  return {
    answers: createBootAnswers({
      ...{ identify, book, boots, overlays, clock },
      followed: (device, address) => nfs?.exports.heard(device, address),
    }),
    files: createBootFiles({ locate, boots, overlays, segments, clock, log, serverUrl }),
    rules: await openTftpRules({
      ...{ dataDir, log, rules: boot.tftp.rules },
      note: createRuleNotes({ book, boots, clock }),
    }),
    device: createDeviceApi({
      ...{ backend, book, boots, boardDisks, liveness, signs, bootKey, clock, sessionTtlSeconds },
      exchanges: createBoardExchange({
        ...{ backend, book, boots, liveness, bootKey, log, revoked: shutOut },
        directories: () => nfs?.work,
      }),
      pushEntry: noteSession,
      beats: createBeats({ clock, push: (item) => telemetry.push(item), everySeconds: boot.heartbeatSeconds }),
      cardContent: createCardContent({ backend, book, blobs, changed, log }),
    }),
    cards: createCardBoots({ backend, book, boots, bootKey, clock, log, site }),
    heard: (session) => signs.heard(session),
    localPath: (digest) => ownFiles.bytes.localPath(digest),
    ...{ leases, telemetry, imageCache, exports, note: noteSession },
    logs: createBoardLogs({ book, boots, neighbours, clock }),
    services: [state, telemetry, leases, ...(nfs === undefined ? [] : [nfs.exports]), diskWork],
    close: async () => {
      backend.close();
      await pool.close();
      await blobs.close();
    },
  };
}
