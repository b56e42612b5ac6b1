import type { Principal, Result } from '@drover/contract';
import { watchBootEnds } from '../app/boot/boot-ends.js';
import type { TimelineFeed } from '../app/boot/ports.js';
import type { Cards } from '../app/configs/cards.js';
import type { Published } from '../app/builds/published.js';
import type { Clock, Ids, Log } from '../app/ports.js';
import type { Idempotency } from '../app/tenants/idempotency.js';
import type { WebSessions } from '../app/tenants/web-sessions.js';
import type { Settings } from '../config.js';
import { createApiApp } from '../listeners/http/api/app.js';
import { createHandlers, type UseCases } from '../listeners/http/api/handlers/index.js';
import { createThrottle } from '../listeners/http/api/throttle.js';
import { createMetrics } from '../listeners/http/metrics.js';
import { createQuick } from '../listeners/http/cattlepi/quick.js';
import { createHttpServer, type HttpServer } from '../listeners/http/server.js';
import type { BootPlaneState } from '../control-plane.js';
import { dashboardFolder } from '../installation.js';
import { gaugeSources } from './gauges.js';
import { readinessChecks } from './health.js';
import { createStatsWork } from './stats.js';
import type { Sampler } from '../app/stats/sampler.js';
import type { Storage } from './storage.js';

export interface ApiDeps {
  readonly settings: Settings;
  readonly storage: Storage;
  readonly useCases: Omit<UseCases, 'stats'>;
  readonly published: Published;
  readonly cards: Cards;
  readonly idempotency: Idempotency;
  readonly authenticate: (key: string) => Promise<Result<Principal>>;
  readonly webSessions: WebSessions;
  readonly bootPlane: BootPlaneState;
  /** Timelines as they are stored, to count boots by. */
  readonly feed: Pick<TimelineFeed, 'subscribe'>;
  /** Where boards reach the boot plane that reached us at this address of ours. */
  readonly bootPlaneUrl: (localAddress: string) => string | undefined;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly version: string;
  readonly defaultTenant: string;
}

const maxEventStreams = 2000;
const heartbeatMs = 15_000;

const dayMs = 24 * 3600_000;

/** What clients of Bakery are given, and how. */
const bakeryParts = ({ bakery: { rootMode, keepDisksDays, open } }: Settings, tenant: string) => ({
  ...{ rootMode, open, keepDisksMs: keepDisksDays * dayMs },
  diskKind: rootMode === 'nfs' ? ('directory' as const) : ('block' as const),
  visitor: {
    key: `key_${'0'.repeat(26)}`,
    name: 'nobody (bakery.open)',
    role: 'operator' as const,
    tenant,
  },
});

/** The API's own addresses, and those where Bakery's clients need no key. */
function addressesOf({ http, bakery }: Settings, log: Log): Settings['http']['listen'] {
  if (!bakery.enabled || bakery.open.length === 0) return http.listen;
  const where = bakery.open.map(({ host, port }) => `${host}:${port}`).join(', ');
  log.warn({ where }, 'the API of Bakery is open there to everybody (setting bakery.open)');
  return [...http.listen, ...bakery.open];
}

/** The control plane's HTTP listener over its use cases, and what keeps its figures. */
export const createApiServer = async (deps: ApiDeps): Promise<{ server: HttpServer; sampler: Sampler }> => {
  const { settings, storage, cards, bootPlane, clock, ids, log } = deps;
  const { publicUrl } = settings.http;
  const dashboard = settings.http.dashboard ? { folder: dashboardFolder, webSessions: deps.webSessions } : undefined;
  const stopping = new AbortController();
  const metrics = createMetrics(
    gaugeSources({ ...storage, clock, bootPlane, dataDir: settings.dataDir }),
    () => bootPlane.counters,
  );
  watchBootEnds(deps.feed, metrics.bootEnded);
  const checks = readinessChecks(storage.store, settings.dataDir, bootPlane);
  const { stats, sampler } = createStatsWork({
    ...{
      store: storage.store,
      dataDir: settings.dataDir,
      bootPlane,
      metrics,
      checks,
      clock,
      log,
      version: deps.version,
    },
    addresses: () => ({ api: [...server.urls()], boot: deps.bootPlaneUrl('') ?? null }),
  });
  const useCases: UseCases = { ...deps.useCases, stats };
  const app = await createApiApp({
    api: {
      ...createHandlers(useCases),
      authenticate: deps.authenticate,
      authenticateSession: dashboard?.webSessions.authenticate,
      publicUrl,
      throttle: createThrottle({ clock }),
      idempotency: deps.idempotency,
      audit: useCases.audit,
      log,
      stopping: stopping.signal,
      maxEventStreams,
      heartbeatMs,
      streamOpened: metrics.streamOpened,
      streamClosed: metrics.streamClosed,
    },
    published: { published: deps.published, publicUrl },
    cards,
    dashboard,
    bakery: settings.bakery.enabled
      ? {
          ...useCases,
          stopping: stopping.signal,
          ...bakeryParts(settings, deps.defaultTenant),
          bootPlaneUrl: deps.bootPlaneUrl,
        }
      : undefined,
    bootPlaneUrl: deps.bootPlaneUrl,
    ids,
    log,
    checks,
    metrics,
    openMetrics: settings.http.openMetrics,
    version: deps.version,
    maxBodySize: settings.http.maxBodySize,
    trustProxy: settings.http.trustProxy,
  });
  const quick = createQuick({ cards, publicUrl, metrics, clock, stopping: stopping.signal });
  const server = createHttpServer({ app, quick, listen: addressesOf(settings, log), log, stopping });
  return { server, sampler };
};
