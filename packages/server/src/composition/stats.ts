import { serverSeries, type DeviceState, type ServerSeries } from '@drover/contract';
import { createProcessFigures } from '../adapters/system/index.js';
import type { Clock, Log } from '../app/ports.js';
import type { Reading } from '../app/stats/rates.js';
import { createSampleRing } from '../app/stats/ring.js';
import { createSampler, type SampleSources, type Sampler } from '../app/stats/sampler.js';
import { createServerStats, type StatsUseCases } from '../app/stats/server-stats.js';
import type { Store } from '../app/store/ports.js';
import { runChecks, type Check } from '../listeners/http/health.js';
import type { CounterReading, HttpMetrics } from '../listeners/http/metrics.js';
import { freeBytes } from './health.js';

const intervalMs = 5000;
/** An hour. */
const kept = (3600 * 1000) / intervalMs;

interface Deps {
  readonly store: Store;
  readonly dataDir: string;
  readonly bootPlane: {
    readonly ready: boolean;
    readonly counters: readonly CounterReading[];
    readonly countersAt: number;
  };
  readonly metrics: Pick<HttpMetrics, 'totals'>;
  readonly checks: readonly Check[];
  readonly addresses: () => { api: string[]; boot: string | null };
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
}

/** Counters of the boot plane by the series that shows them, with the labels that count (undefined: all). */
const ofBootPlane = {
  'tftp.bytes': ['drover_tftp_bytes_total'],
  'tftp.requests': ['drover_tftp_requests_total'],
  'http.bytes': ['drover_boot_http_bytes_total'],
  'http.requests': ['drover_boot_http_requests_total'],
  'nbd.read': ['drover_nbd_bytes_total', 'read'],
  'nbd.written': ['drover_nbd_bytes_total', 'written'],
  'nbd.requests': ['drover_nbd_requests_total'],
} as const satisfies Partial<Record<ServerSeries, readonly [name: string, direction?: string]>>;

const sum = (readings: readonly CounterReading[], name: string, direction?: string): number =>
  readings
    .filter(
      (reading) => reading.name === name && (direction === undefined || reading.labels['direction'] === direction),
    )
    .reduce((total, { value }) => total + value, 0);

/** What the boot plane tells of itself; nothing while it is down. */
const planeGauges = ({ ready, counters }: Deps['bootPlane']): Partial<Record<ServerSeries, number>> => {
  if (!ready || counters.length === 0) return {};
  return {
    'nbd.clients': sum(counters, 'drover_nbd_connections'),
    'memory.boot': sum(counters, 'drover_boot_plane_resident_bytes'),
    'loop.boot': sum(counters, 'drover_boot_plane_event_loop_delay_seconds') * 1000,
  };
};

const bootCounts = ({ counters, countersAt }: Deps['bootPlane']): Reading => ({
  at: countersAt,
  counts: Object.fromEntries(
    Object.entries(ofBootPlane).map(([series, [name, direction]]) => [series, sum(counters, name, direction)]),
  ),
});

const boards = (counts: Readonly<Record<DeviceState, number>>): Partial<Record<ServerSeries, number>> =>
  Object.fromEntries(Object.entries(counts).map(([state, count]) => [`boards.${state}`, count]));

const sourcesOf = (deps: Deps, own: () => Partial<Record<ServerSeries, number>>): SampleSources => {
  const { store, dataDir, bootPlane, metrics, clock } = deps;
  return {
    counters: [
      () => (bootPlane.ready && bootPlane.countersAt > 0 ? bootCounts(bootPlane) : undefined),
      () => ({ at: clock.now(), counts: { 'api.requests': metrics.totals().requests } }),
    ],
    gauges: [
      own,
      () => ({ 'api.streams': metrics.totals().streams }),
      () => planeGauges(bootPlane),
      async () => ({ 'disk.free': await freeBytes(dataDir) }),
      () =>
        store.read(async (tx) => {
          const { queued, running } = await tx.jobs.countUnfinished();
          return {
            ...boards(await tx.devices.countByState()),
            ...{ 'jobs.queued': queued, 'jobs.running': running },
            'boots.running': await tx.sessions.countRunning(),
          };
        }),
    ],
  };
};

/** The last hour of this server, in memory, and how it does now. */
export const createStatsWork = (deps: Deps): { readonly stats: StatsUseCases; readonly sampler: Sampler } => {
  const { clock, log, version, checks, addresses } = deps;
  const ring = createSampleRing(serverSeries, kept);
  const figures = createProcessFigures();
  const own = (): Partial<Record<ServerSeries, number>> => {
    const { residentBytes, loopDelayMs } = figures.read();
    return { 'memory.control': residentBytes, 'loop.control': loopDelayMs };
  };
  const sampler = createSampler({ ring, names: serverSeries, sources: sourcesOf(deps, own), clock, log, intervalMs });
  const startedAt = new Date(clock.now()).toISOString();
  return {
    stats: createServerStats({
      ...{ ring, version, startedAt, intervalMs, addresses },
      checks: () => runChecks(checks),
    }),
    sampler: {
      ...sampler,
      stop: async () => {
        await sampler.stop();
        figures.close();
      },
    },
  };
};
