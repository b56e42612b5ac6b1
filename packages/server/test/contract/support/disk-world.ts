import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { refusal, RefusedError } from '@drover/contract';
import { createClusterCache, createTableCache } from '@drover/disk-image';
import { createFsBlobStore, createUploadStore } from '../../../src/adapters/blobs/index.js';
import { createFileLock, createGate, createHolePuncher, readDiskContent } from '../../../src/adapters/disks/index.js';
import { createDiskPool } from '../../../src/adapters/disks/pool/pool.js';
import { createImageUnpacker } from '../../../src/adapters/import/unpack.js';
import type { SqlStore } from '../../../src/adapters/sql/index.js';
import { createAttachments } from '../../../src/app/disks/attachments.js';
import { createBackupJob } from '../../../src/app/disks/backup-job.js';
import { createBackups } from '../../../src/app/disks/backups.js';
import { createDisks } from '../../../src/app/disks/disks.js';
import { createDiskRetries } from '../../../src/app/disks/retries.js';
import { createOrderDesk, type OrderDesk } from '../../../src/app/disks/order-desk.js';
import { createOrderWorker } from '../../../src/app/disks/plane/order-worker.js';
import type { DiskPool } from '../../../src/app/disks/pool.js';
import { createPrepare } from '../../../src/app/devices/prepare.js';
import { createProvisioning } from '../../../src/app/devices/provisioning.js';
import { createRootDisks } from '../../../src/app/disks/root-disks.js';
import { createDiskJobs } from '../../../src/app/disks/work-job.js';
import { createEnqueue } from '../../../src/app/jobs/enqueue.js';
import { createJobs } from '../../../src/app/jobs/jobs.js';
import { pause } from '../../../src/app/jobs/pause.js';
import { createJobRunner } from '../../../src/app/jobs/runner.js';
import type { Service } from '../../../src/app/ports.js';
import { makeTenant, who } from './fleet.js';
import { valueOf } from './importer.js';
import { createTestLog, systemClock, testIds } from './world.js';
import { firstBoot } from './first-boot.js';
import { noPower } from './no-power.js';

const timing = { leaseMs: 60_000, renewMs: 500, tickMs: 20, liveMs: 0, pollMs: 20, stopMs: 5000 };
const MiB = 1 << 20;

export const imageDigest = 'ab'.repeat(32);
export const imageSize = 4 * MiB;

/** Both planes' part in disks over one store, with real files in `folder`. Each plane can be started and stopped. */
export const openDiskWorld = async (store: SqlStore, folder: string) => {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'image'), randomBytes(imageSize));
  const log = createTestLog();
  const tenant = await makeTenant(store, 'default');
  const enqueue = createEnqueue({ clock: systemClock, ids: testIds });
  const blobs = await createFsBlobStore(join(folder, 'blobs'));
  const uploads = await createUploadStore(join(folder, 'uploads'));
  const disks = createDisks({
    ...{ store, enqueue, clock: systemClock, ids: testIds, site: 'default', defaultTenant: tenant },
    readUpload: (upload) => readDiskContent(uploads.path(upload)),
  });
  const backups = createBackups({ store, blobs, enqueue, clock: systemClock, ids: testIds, defaultTenant: tenant });
  const pool: DiskPool = await createDiskPool({
    folder: join(folder, 'disks'),
    files: {
      files: { slow: createGate(4), lock: createFileLock(), puncher: createHolePuncher() },
      environment: { tables: createTableCache({ bytes: MiB }), bootId: 'boot', randomHex: (n) => testIds.randomHex(n) },
      lockWaitMs: 1000,
    },
    after: (ms, again) => {
      const timer = setTimeout(again, ms);
      return () => clearTimeout(timer);
    },
    cache: createClusterCache({ bytes: MiB }),
    blobPath: async (digest) => {
      if (digest === imageDigest) return join(folder, 'image');
      const path = (await blobs.stat(digest)) === undefined ? undefined : blobs.localPath(digest);
      if (path !== undefined) return path;
      throw new RefusedError(refusal('blob.not-found', 'It is not stored here.'));
    },
    uploadPath: (upload) => uploads.path(upload),
    ...{ clock: systemClock, ids: testIds, log },
  });
  let desk: OrderDesk | undefined;
  const running: Service[] = [];
  const run = async (service: Service): Promise<() => Promise<void>> => {
    running.push(service);
    await service.start(new AbortController().signal);
    return async () => {
      running.splice(running.indexOf(service), 1);
      await service.stop();
    };
  };
  /** Boards that are asked for disks: what they were asked, and how they answer. */
  const boards = {
    asked: [] as string[],
    answer: async (_signal: AbortSignal): Promise<void> => undefined,
    refresh: async (device: string): Promise<void> => void boards.asked.push(`refresh ${device}`),
    forget: (): void => undefined,
    letGo: async (disk: string, device: string, force: boolean, signal: AbortSignal): Promise<void> => {
      boards.asked.push(`${force ? 'take' : 'ask for'} ${disk} of ${device}`);
      await boards.answer(signal);
    },
  };
  const rootDisks = createRootDisks({
    ...{ enqueue, clock: systemClock, ids: testIds },
    ...{ site: 'default', defaultTenant: tenant },
  });
  const attachments = createAttachments({ store, enqueue, clock: systemClock, defaultTenant: tenant });
  const again = createDiskRetries({ store, enqueue, clock: systemClock, backups, disks, attachments });
  const standing = async () => (await desk?.exchange(['none'], [], AbortSignal.abort())) ?? [];
  const jobs = createJobs({ store, enqueue, again });
  return {
    ...{ disks, backups, blobs, uploads, pool, tenant, log, store, rootDisks, boards, folder, attachments },
    provisioning: createProvisioning({
      ...{ store, clock: systemClock, enqueue, firstBoot, defaultTenant: tenant },
      ...noPower,
      prepare: createPrepare({ enqueue, clock: systemClock, rootDisks, hasDirectories: true }),
    }),
    jobs,
    /**
     * Cancels the job of a disk or backup while no boot plane is there, and waits until its order stands no longer: a boot plane that starts before that
     * would carry it out, and the job succeed.
     */
    cancelBegun: async ({ job }: { job: string | null }): Promise<void> => {
      const stands = async () => (await standing()).some(({ id }) => id === job);
      await expect.poll(stands).toBe(true);
      valueOf(await jobs.cancel(who(null), job ?? ''));
      await expect.poll(stands).toBe(false);
    },
    /** The control plane's jobs, with a desk of their own as after each start. Returns what stops them. */
    startControl: async () => {
      desk = createOrderDesk();
      const shared = { store, desk, enqueue, clock: systemClock };
      const unpacker = createImageUnpacker({ mayReachLocal: false });
      const backupPath = (backup: string): string => join(folder, 'disks/backups', backup);
      const handlers = [
        ...createDiskJobs({ ...shared, ...noPower, uploads }),
        createBackupJob({
          ...{ ...shared, blobs, backupPath },
          digest: (path, options) => unpacker.digest(path, options),
        }),
      ];
      const owner = testIds.randomHex(4);
      const stop = await run(
        createJobRunner({ store, timing, clock: systemClock, ids: testIds, log, handlers, concurrency: 4, owner }),
      );
      return async () => {
        desk = undefined;
        await stop();
      };
    },
    /** What the control plane wants done now. */
    standing,
    startBoot: () =>
      run(
        createOrderWorker({
          exchange: async (known, reports, signal) => {
            if (desk === undefined) throw new Error('the control plane is away');
            return desk.exchange(known, reports, AbortSignal.any([signal, AbortSignal.timeout(100)]));
          },
          withoutDisk: (_disk, _reason, work) => work(),
          attachments: boards,
          challenge: () => Promise.resolve(false),
          ...{ pool, log, pause },
          retryMs: 20,
        }),
      ),
    close: async () => {
      await Promise.all(running.splice(0).map((service) => service.stop()));
      await blobs.close();
    },
  };
};

export type DiskWorld = Awaited<ReturnType<typeof openDiskWorld>>;
