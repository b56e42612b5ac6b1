import { networkInterfaces } from 'node:os';
import { gzip } from './adapters/archive/index.js';
import { createBackendServer } from './adapters/backend/index.js';
import { createIds, systemClock } from './adapters/system/index.js';
import { hashing } from './adapters/hashing/index.js';
import { documentOfDevice } from './app/configs/effective.js';
import { createTimelineFeed } from './app/boot/feed.js';
import { createCardKeys, readCardKey, signingKeys } from './app/boot/signing-key.js';
import { createSessionQueries } from './app/boot/session-queries.js';
import { createWatchTimelines } from './app/boot/watch-timelines.js';
import { createCollectJob } from './app/blobs/collect-job.js';
import { createVerifyJob } from './app/blobs/verify-job.js';
import { createBoardNews } from './app/disks/board-news.js';
import { createOrderDesk } from './app/disks/order-desk.js';
import { createDiskRetries } from './app/disks/retries.js';
import { createDeviceFiles } from './app/devices/files.js';
import { createConsoles } from './app/consoles/consoles.js';
import { createDevices } from './app/devices/devices.js';
import { createDiscovery } from './app/devices/discovery.js';
import { createRegistration } from './app/devices/register.js';
import { createWaiting } from './app/devices/waiting.js';
import { refreshBootSets } from './app/images/boot-set-job.js';
import { createBootSetDownloads } from './app/images/boot-set-downloads.js';
import { createImageDownloads } from './app/images/downloads.js';
import { createImages } from './app/images/images.js';
import { refreshInitramfs } from './app/images/root-job.js';
import { createUploads } from './app/images/uploads.js';
import { createImportFolders } from './adapters/import/folders.js';
import { createEvents } from './app/events/events.js';
import { createEnqueue } from './app/jobs/enqueue.js';
import { createJobs } from './app/jobs/jobs.js';
import { createProgressFeed } from './app/jobs/progress-feed.js';
import { createJobRunner } from './app/jobs/runner.js';
import type { Log, Service } from './app/ports.js';
import type { Transaction } from './app/store/ports.js';
import { createAudit } from './app/tenants/audit.js';
import { createAuthentication } from './app/tenants/authentication.js';
import { openDemo, withDemo } from './app/tenants/demo.js';
import { abandonUnanswered, createIdempotency } from './app/tenants/idempotency.js';
import { createKeys } from './app/tenants/keys.js';
import { createTenants } from './app/tenants/tenants.js';
import { createWebSessions } from './app/tenants/web-sessions.js';
import { createApiServer } from './composition/api.js';
import type { NetworkState } from './boot-plane/network-state.js';
import { bootUrl } from './boot-plane/settings.js';
import { createBoot } from './composition/boot.js';
import { createBuildWork } from './composition/builds.js';
import { adminKeyFile, bootstrapWithFile } from './composition/first-key.js';
import { backendSocket } from './composition/paths.js';
import { createConfigWork } from './composition/configs.js';
import { createServerDoctor } from './composition/doctor.js';
import { createDiskSide } from './composition/disks.js';
import { createImageWork } from './composition/images.js';
import { createConsoleWork } from './composition/consoles.js';
import { createPowerWork } from './composition/power.js';
import { createProvisionWork } from './composition/provisioning.js';
import { createMaintenance } from './composition/maintenance.js';
import { openStorage, type Storage } from './composition/storage.js';
import type { Settings } from './config.js';
import type { HttpServer } from './listeners/http/server.js';

/** What is known of the other plane. */
export interface BootPlaneState {
  readonly ready: boolean;
  readonly counters: readonly {
    readonly name: string;
    readonly type?: 'gauge';
    readonly labels: Readonly<Record<string, string>>;
    readonly value: number;
  }[];
  /** Undefined until it has told for the first time. */
  readonly network: NetworkState | undefined;
  /** When the counters stood like that, in ms since the epoch; 0 before they were told. */
  readonly countersAt: number;
}

export interface ControlPlaneDeps {
  readonly settings: Settings;
  readonly version: string;
  readonly log: Log;
  readonly bootPlane: BootPlaneState;
  /** The first admin key was made and lies in `file`. */
  readonly onFirstKey: (key: string, file: string) => void;
}

export interface ControlPlane extends Service {
  /** Where the API listens. */
  urls(): readonly string[];
}

/** What runs, in the order it was started. */
type Running = { readonly name: string; stop(): Promise<void> }[];

/** Speaks to people and keeps the truth: store, jobs, events, API. See docs/architecture.md. */
export const createControlPlane = (deps: ControlPlaneDeps): ControlPlane => {
  const running: Running = [];
  let api: HttpServer | undefined;

  const stop = async (): Promise<void> => {
    // Last started, first stopped: no new requests, then no more work, then the store.
    for (let part = running.pop(); part !== undefined; part = running.pop()) {
      try {
        await part.stop();
      } catch (error) {
        deps.log.error({ err: error }, `${part.name} did not stop in order`);
      }
    }
  };

  return {
    urls: () => api?.urls() ?? [],
    stop,
    start: async (signal) => {
      const storage = await openStorage(deps.settings, deps.log);
      running.push({ name: 'storage', stop: () => storage.close() });
      api = await startParts(deps, storage, running, signal);
    },
  };
};

const startParts = async (
  { settings, version, log, bootPlane, onFirstKey }: ControlPlaneDeps,
  storage: Storage,
  running: Running,
  signal: AbortSignal,
): Promise<HttpServer> => {
  const { store, blobs, uploads: files } = storage;
  const clock = systemClock;
  const ids = createIds({ clock });
  const { tenant, admin } = await bootstrapWithFile({ store, clock, ids, hashing }, settings.dataDir);
  if (admin !== undefined) onFirstKey(admin.key, adminKeyFile(settings.dataDir));
  const defaultTenant = tenant.id;

  await store.transaction((tx) => signingKeys(tx, ids));
  const enqueue = createEnqueue({ clock, ids });
  const progress = createProgressFeed({ log });
  const orders = createOrderDesk();
  const power = createPowerWork(settings, storage, { clock, log, enqueue, orders });
  const waiting = createWaiting({ clock, powering: power.powering });
  const work = createImageWork(settings, storage, { clock, enqueue, waiting });
  const idempotency = createIdempotency({ store, clock, ids, hashing, server: storage.serverId });
  // The lock on the data folder says that no other life of this server is at work.
  await abandonUnanswered(store, storage.serverId);
  const uploads = createUploads({ store, files, clock, ids, log, settings: { ...settings.images, defaultTenant } });
  const feed = createTimelineFeed((error) => {
    log.error({ err: error }, 'somebody who watches timelines failed');
  });
  const diskSide = createDiskSide(settings, storage, {
    ...{ clock, ids, enqueue, defaultTenant, signal, powering: power.powering, desk: orders, digest: work.digest },
  });
  const { disks, attachments, backups, rootDisks, diskOrders } = diskSide;
  const retire = (tx: Transaction, device: string, disk: string | null): Promise<void> =>
    rootDisks.retire(tx, device, disk);
  const authentication = createAuthentication({ store, clock, hashing, log });
  const webSessions = createWebSessions({ store, clock, ids, hashing, authentication });
  const discovery = createDiscovery({ store, clock, ids, log });
  const boot = createBoot(settings, storage, {
    ...{ clock, ids, log, feed, defaultTenant, diskOrders, retire, enqueue, discovery },
    effectiveConfig: (device) => storage.store.read((tx) => documentOfDevice(tx, device)),
    authenticate: (key) => authentication.authenticate(key),
    onUnassigned: (device) => power.onUnassigned(device),
  });
  const blobJobs = [createVerifyJob({ store, blobs, clock, log }), createCollectJob({ store, blobs, clock })];

  const building = createBuildWork(settings, storage, { ...work, clock, ids, log, enqueue, defaultTenant });

  const configs = createConfigWork(storage, { ...authentication, clock, ids, log, defaultTenant });

  const begin = async (name: string, service: Service): Promise<void> => {
    running.push({ name, stop: () => service.stop() });
    await service.start(signal);
  };
  const maintained = { store, enqueue, idempotency, uploads, webSessions, disks, clock, log };
  await begin('maintenance', createMaintenance({ ...settings, ...building, ...configs, ...maintained }));
  await begin('tracks of cards', configs.tracks);
  await begin('boot sessions', boot.sweeper);
  await begin('silent boards', boot.silence);
  await begin('news for boards', createBoardNews({ store, orders, log, events: store.events }));
  await begin('backend', createBackendServer({ backend: boot.backend, path: backendSocket(settings.dataDir), log }));
  const refresh = { store, initramfs: work.initramfs, enqueue };
  await refreshInitramfs(refresh)
    .then(() => refreshBootSets(refresh))
    .catch((error: unknown) => {
      log.warn(
        { err: error },
        'initramfs of an older Drover could not be looked for; boards go on with those they have',
      );
    });
  await begin(
    'jobs',
    createJobRunner({
      ...{ store, clock, ids, log, progress },
      handlers: [...work.jobs, ...blobJobs, ...diskSide.jobs, building.job],
      concurrency: settings.jobs.concurrency,
      limits: { 'image.build': settings.builds.concurrency },
      owner: storage.serverId,
      events: store.events,
    }),
  );

  const provision = createProvisionWork(storage, power, {
    ...{ clock, ids, log, enqueue, progress, rootDisks, defaultTenant },
    hasDirectories: settings.nfs.driver !== 'off',
  });
  for (const [name, service] of provision.services) await begin(name, service);
  await power.restore();

  await begin('schedules of builds', building.scheduler);

  const consoleHub = createConsoleWork(settings, log);
  running.push({ name: 'consoles', stop: () => consoleHub.stop() });
  const folders = createImportFolders(settings.images.importFrom);
  const sessions = createSessionQueries({ store });
  const images = createImages({ store, blobs, folders, enqueue, clock, ids, defaultTenant });
  // Boards do not come in with the demo key: it may not make any of them its own.
  const visitors = settings.demo.enabled
    ? withDemo(authentication, await openDemo({ store, clock, ids }))
    : authentication;
  const { server, sampler } = await createApiServer({
    ...{ settings, storage, idempotency, bootPlane, feed, clock, ids, log, version, defaultTenant },
    authenticate: visitors.authenticate,
    webSessions,
    bootPlaneUrl: (local) => bootUrl(settings.boot, networkInterfaces(), local),
    published: building.published,
    cards: configs.cards,
    useCases: {
      ...{ uploads, clock, version, builds: building.builds, ...configs },
      devices: createDevices({ store, clock, refuseSupply: power.refuseSupply }),
      power: power.power,
      consoles: createConsoles({ store, hub: consoleHub }),
      deviceFiles: createDeviceFiles({ store, clock }),
      doctor: createServerDoctor(settings, {
        ...{ store, clock, images, bootPlane, version },
        conflicts: () => discovery.recentConflicts(),
      }),
      registration: createRegistration({ store, clock, ids, defaultTenant }),
      ...provision,
      disks,
      attachments,
      backups,
      images,
      bootSets: createBootSetDownloads({ store, blobs, enqueue }),
      downloads: createImageDownloads({
        store,
        blobs,
        compress: gzip,
        bootUrl: () => bootUrl(settings.boot, networkInterfaces()),
        prepareCard: work.prepareCard,
        log,
        cardKey: () => readCardKey({ store, ids }),
      }),
      jobs: createJobs({
        store,
        enqueue,
        again: {
          'image.import': images.importAgain,
          'image.build': building.builds.again,
          ...createDiskRetries({ store, enqueue, clock, backups, disks, attachments }),
        },
      }),
      tenants: createTenants({ store, clock, ids }),
      keys: createKeys({ store, clock, ids, hashing }),
      cardKeys: createCardKeys({ store, clock, ids }),
      audit: createAudit({ store, clock }),
      events: createEvents({ store, feed: store.events, progress }),
      sessions,
      watchTimelines: createWatchTimelines({ sessions, feed }),
    },
  });
  await begin('figures', sampler);
  await begin('API', server);
  await store.transaction((tx) =>
    tx.events.append({
      ...{ type: 'server.started', at: new Date(clock.now()).toISOString(), tenant: null, subject: storage.serverId },
      data: { version },
    }),
  );
  return server;
};
