import type { Store } from '../app/store/ports.js';
import type { BlobStore } from '../app/blobs/ports.js';
import type { Clock } from '../app/ports.js';
import type { GaugeSource } from '../listeners/http/metrics.js';
import { freeBytes } from './health.js';

export interface GaugeDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly dataDir: string;
  readonly bootPlane: { readonly ready: boolean };
}

const blobsEveryMs = 60_000;

type Reading = Awaited<ReturnType<GaugeSource['read']>>;

/** Walking through all blobs takes a while, so it is done once a minute at most. */
const blobTotals = ({ blobs, clock }: GaugeDeps): (() => Promise<{ count: number; bytes: number }>) => {
  let known: { at: number; totals: Promise<{ count: number; bytes: number }> } | undefined;
  const walk = async (): Promise<{ count: number; bytes: number }> => {
    let count = 0;
    let bytes = 0;
    for await (const blob of blobs.list()) {
      count += 1;
      bytes += blob.size;
    }
    return { count, bytes };
  };
  return () => {
    if (known === undefined || clock.now() - known.at > blobsEveryMs) known = { at: clock.now(), totals: walk() };
    return known.totals;
  };
};

/** More of them are not counted. */
const countLimit = 500;

const single = (value: number): Reading => [{ labels: {}, value }];

/** What /metrics tells of the installation beside Node's own figures and HTTP. */
export const gaugeSources = (deps: GaugeDeps): readonly GaugeSource[] => {
  const { store, clock, dataDir, bootPlane } = deps;
  const totals = blobTotals(deps);
  return [
    {
      name: 'drover_devices',
      help: 'Devices by state',
      labels: ['state'],
      read: async () =>
        Object.entries(await store.read((tx) => tx.devices.countByState())).map(([state, value]) => ({
          labels: { state },
          value,
        })),
    },
    {
      name: 'drover_devices_silent',
      help: `Boards whose heartbeat is overdue, ${countLimit} at most`,
      labels: [],
      read: async () => {
        const health = { status: 'silent', at: new Date(clock.now()).toISOString() } as const;
        const page = await store.read((tx) => tx.devices.list({ health }, { limit: countLimit }));
        return single(page.items.length);
      },
    },
    {
      name: 'drover_jobs_unfinished',
      help: 'Jobs that are queued or running',
      labels: ['state'],
      read: async () =>
        Object.entries(await store.read((tx) => tx.jobs.countUnfinished())).map(([state, value]) => ({
          labels: { state },
          value,
        })),
    },
    {
      name: 'drover_boot_sessions_running',
      help: 'Boots that are under way',
      labels: [],
      read: async () => single(await store.read((tx) => tx.sessions.countRunning())),
    },
    {
      name: 'drover_blobs',
      help: 'Stored blobs',
      labels: [],
      read: async () => single((await totals()).count),
    },
    {
      name: 'drover_blob_bytes',
      help: 'Bytes of all stored blobs, holes counted',
      labels: [],
      read: async () => single((await totals()).bytes),
    },
    {
      name: 'drover_data_free_bytes',
      help: 'Room left in the data folder',
      labels: [],
      read: async () => single(await freeBytes(dataDir)),
    },
    {
      name: 'drover_database_up',
      help: '1 while the database answers',
      labels: [],
      read: async () =>
        single(
          await store.ping().then(
            () => 1,
            () => 0,
          ),
        ),
    },
    {
      name: 'drover_boot_plane_up',
      help: '1 while the boot plane serves',
      labels: [],
      read: async () => single(bootPlane.ready ? 1 : 0),
    },
  ];
};
