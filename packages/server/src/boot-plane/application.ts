import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { createClusterCache, type ClusterCache } from '@drover/disk-image';
import { BackendError, createBackendClient, createNeighbours, createPlaneMemory } from '../adapters/backend/index.js';
import { createFsBlobStore, type FsBlobStore } from '../adapters/blobs/index.js';
import { createDiskExport, createImageExport, openLocalDisks } from '../adapters/disks/index.js';
import { createIds, systemClock } from '../adapters/system/index.js';
import { createBootAnswers } from '../app/boot/plane/answers.js';
import { createBoardBook } from '../app/boot/plane/board-book.js';
import { createBoots } from '../app/boot/plane/boots.js';
import { createDeviceApi, type DeviceApi } from '../app/boot/plane/device-api.js';
import { createBootFiles } from '../app/boot/plane/files.js';
import { createIdentify } from '../app/boot/plane/identify.js';
import { createLeaseBook, type PlaneLeases } from '../app/boot/plane/leases.js';
import { createLocateBoard } from '../app/boot/plane/locate-board.js';
import { createOverlays } from '../app/boot/plane/overlays.js';
import type { BootAnswers, BootFiles, NewEntry } from '../app/boot/plane/ports.js';
import { createSegmentReader } from '../app/boot/plane/segments.js';
import { createPlaneState } from '../app/boot/plane/state.js';
import { createTelemetryQueue, type TelemetryQueue } from '../app/boot/plane/telemetry.js';
import { createTreeLoader } from '../app/boot/plane/trees.js';
import { createExports, type Exports } from '../app/disks/plane/exports.js';
import { createOrderWorker } from '../app/disks/plane/order-worker.js';
import { pause } from '../app/jobs/pause.js';
import type { Log, Service } from '../app/ports.js';
import { backendSocket } from '../composition/paths.js';
import type { Settings } from '../config.js';

/** The boot plane without its listeners. */
export interface BootApplication {
  readonly answers: BootAnswers;
  readonly files: BootFiles;
  readonly device: DeviceApi;
  readonly leases: PlaneLeases;
  readonly telemetry: TelemetryQueue;
  readonly blobs: FsBlobStore;
  /** What boards read of images. */
  readonly imageCache: ClusterCache;
  /** Disks and images that boards attach. */
  readonly exports: Exports;
  /** Puts an entry on the timeline of a session. */
  readonly note: (session: string, entry: NewEntry) => void;
  /** What has to run, in the order it is started. */
  readonly services: readonly Service[];
  close(): Promise<void>;
}

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
  const imageCache = createClusterCache({ bytes: boot.nbd.imageCache });
  const pool = await openLocalDisks({ dataDir, blobPath, imageCache, clock, ids, log });
  const book = createBoardBook();
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

  const telemetry = createTelemetryQueue({
    ...{ backend, log },
    batchId: () => ids.randomHex(16),
    isHopeless: (error) => error instanceof BackendError && error.kind === 'refused',
    onReply: ({ revoked }) => {
      for (const session of revoked) {
        const current = book.bySession(session)?.boot;
        if (current != null) current.revoked = true;
      }
    },
  });
  const identify = createIdentify({ backend, book, clock, log, changed });
  const boots = createBoots({
    book,
    clock,
    ids,
    log,
    push: (item) => telemetry.push(item),
    changed,
    replaced: (session) => exports.endSession(session, 'the board has started again'),
    sessionTtlSeconds,
  });
  const exports = createExports({
    book,
    bootKey,
    openDisk: async (id) => {
      const held = await pool.hold(id);
      return createDiskExport(held.disk, { label: id, release: () => held.release() });
    },
    openImage: async (digest) => {
      const held = await pool.holdImage(digest);
      return createImageExport(held.view, { label: 'image', release: () => held.release() });
    },
  });
  const diskWork = createOrderWorker({
    exchange: (known, reports, signal) => backend.diskOrders(known, reports, signal),
    withoutDisk: (disk, reason, work) => exports.withoutDisk(disk, reason, work),
    ...{ pool, log, pause },
  });
  const segments = createSegmentReader({ blobs, cacheBytes });
  const trees = createTreeLoader({ blobs, backend, segments });
  const overlays = createOverlays({ trees, bootKey, log });
  const locate = createLocateBoard({ identify, book, neighbours: createNeighbours(), clock, site });
  const serverUrl = (local: string): string => `http://${boot.serverAddress ?? local}:${httpPort()}`;

  const noteSession: BootApplication['note'] = (session, entry) => {
    const at = new Date(clock.now()).toISOString();
    telemetry.push({
      kind: 'entry',
      session,
      device: book.bySession(session)?.answer.device.id ?? null,
      entry: { ...entry, at },
    });
  };

  return {
    answers: createBootAnswers({ identify, book, boots, overlays, clock }),
    files: createBootFiles({ locate, boots, overlays, segments, clock, log, serverUrl }),
    device: createDeviceApi({
      ...{ backend, book, boots, bootKey, changed, clock, log, sessionTtlSeconds },
      pushEntry: noteSession,
    }),
    exports,
    note: noteSession,
    ...{ leases, telemetry, blobs, imageCache },
    services: [state, telemetry, leases, diskWork],
    close: async () => {
      backend.close();
      await pool.close();
      await blobs.close();
    },
  };
}
