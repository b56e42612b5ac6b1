import type { Principal, Result } from '@drover/contract';
import type { Cards } from '../app/configs/cards.js';
import type { Published } from '../app/builds/published.js';
import type { Clock, Ids, Log } from '../app/ports.js';
import type { Idempotency } from '../app/tenants/idempotency.js';
import type { Settings } from '../config.js';
import { createApiApp } from '../listeners/http/api/app.js';
import { createHandlers, type UseCases } from '../listeners/http/api/handlers/index.js';
import { createThrottle } from '../listeners/http/api/throttle.js';
import { createMetrics } from '../listeners/http/metrics.js';
import { createQuick } from '../listeners/http/cattlepi/quick.js';
import { createHttpServer, type HttpServer } from '../listeners/http/server.js';
import type { BootPlaneState } from '../control-plane.js';
import { gaugeSources } from './gauges.js';
import { readinessChecks } from './health.js';
import type { Storage } from './storage.js';

export interface ApiDeps {
  readonly settings: Settings;
  readonly storage: Storage;
  readonly useCases: UseCases;
  readonly published: Published;
  readonly cards: Cards;
  readonly idempotency: Idempotency;
  readonly authenticate: (key: string) => Promise<Result<Principal>>;
  readonly bootPlane: BootPlaneState;
  /** Where boards reach the boot plane that reached us at this address of ours. */
  readonly bootPlaneUrl: (localAddress: string) => string | undefined;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly version: string;
}

const maxEventStreams = 2000;
const heartbeatMs = 15_000;

/** The control plane's HTTP listener over its use cases. */
export const createApiServer = async (deps: ApiDeps): Promise<HttpServer> => {
  const { settings, storage, useCases, cards, bootPlane, clock, ids, log } = deps;
  const { publicUrl } = settings.http;
  const stopping = new AbortController();
  const metrics = createMetrics(
    gaugeSources({ ...storage, clock, bootPlane, dataDir: settings.dataDir }),
    () => bootPlane.counters,
  );
  const app = await createApiApp({
    api: {
      ...createHandlers(useCases),
      authenticate: deps.authenticate,
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
    bakery: settings.bakery.enabled
      ? { ...useCases, stopping: stopping.signal, rootMode: settings.bakery.rootMode }
      : undefined,
    bootPlaneUrl: deps.bootPlaneUrl,
    ids,
    log,
    checks: readinessChecks(storage.store, settings.dataDir, bootPlane),
    metrics,
    openMetrics: settings.http.openMetrics,
    version: deps.version,
    maxBodySize: settings.http.maxBodySize,
    trustProxy: settings.http.trustProxy,
  });
  const quick = createQuick({ cards, publicUrl, metrics, clock, stopping: stopping.signal });
  return createHttpServer({ app, quick, listen: settings.http.listen, log, stopping });
};
