import { refusal, RefusedError, type Principal, type Result } from '@drover/contract';
import type { BootTree } from '../../domain/boot-plan.js';
import type { SessionFacts } from '../../domain/verdict.js';
import type { BlobStore } from '../blobs/ports.js';
import { ensureBootSet } from '../images/boot-set-job.js';
import type { EnqueueJob } from '../jobs/handler.js';
import type { Clock, Ids, Log } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { createAdmitCard } from './admit-card.js';
import { createBootKey } from './boot-key.js';
import { createCardAnswers } from './card-answer.js';
import { createFilesOfDevices, type MoreFiles } from './device-files.js';
import { createDeltas } from '../images/deltas.js';
import { createDeviceSecrets, type DeviceSecretsMaker } from './device-secrets.js';
import { createExchange } from './exchange.js';
import type { DeviceRecord } from '../devices/ports.js';
import { createIdentifyDevice, type SeenBoard } from './identify-device.js';
import type { AttachedDisk, BootBackend, TimelineFeed, WireIdentity } from './ports.js';
import { createRecordBeats } from './record-beats.js';
import { createRecordTelemetry } from './record-telemetry.js';
import { createSessions, type Sessions } from './sessions.js';
import { createSilenceWatch, type SilenceWatch } from './silence.js';
import { createSessionSweeper, type SessionSweeper } from './sweeper.js';
import { createTimelines } from './timelines.js';

export interface BootServiceDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly blobs: Pick<BlobStore, 'stat' | 'read'>;
  readonly feed: TimelineFeed;
  /** app/disks: what the boot plane is to do with disks. */
  readonly diskOrders: BootBackend['diskOrders'];
  /** app/devices: who a board is. Registers a Pi never seen before; `tenant` takes it, should nobody have it. */
  readonly registerSeen: (wire: WireIdentity, tenant?: string) => Promise<SeenBoard>;
  /** app/tenants: whose key lies on a card. */
  readonly authenticate: (key: string) => Promise<Result<Principal>>;
  readonly defaultTenant: string;
  /** app/devices: the board told its whole serial. */
  readonly learnSerial: (device: string, serial: string) => Promise<boolean>;
  /** app/power: a board asks, and has nothing to boot. */
  readonly onUnassigned: (device: DeviceRecord) => void;
  readonly learnMemory: (device: string, memoryKiB: number) => Promise<void>;
  /** app/disks: root disks of a device that it runs from no more. */
  readonly retire: (tx: Transaction, device: string, disk: string | null) => Promise<void>;
  /** app/jobs: for what a card needs and is not made yet. */
  readonly enqueue: EnqueueJob;
  /** The boot config of a device in force, as JSON; `{}` for one that has none. */
  readonly effectiveConfig: (device: string) => Promise<string>;
  readonly moreFiles?: MoreFiles;
  readonly settings: {
    readonly site: string;
    readonly dhcpMode: SessionFacts['dhcpMode'];
    readonly sessionTtlSeconds: number;
    readonly retentionDays: number;
    readonly heartbeatSeconds: number;
  };
  /** Instead of the one that makes real keys; for tests. */
  readonly secrets?: DeviceSecretsMaker;
}

/** The control plane's side of booting: what the boot plane asks, what people ask, and the keeper of sessions. */
export interface BootService {
  readonly backend: BootBackend;
  readonly sessions: Sessions;
  /** Also ends the making of host keys, when it stops. */
  readonly sweeper: SessionSweeper;
  /** Tells of boards that fell silent. */
  readonly silence: SilenceWatch;
}

const noFiles: MoreFiles = () => Promise.resolve([]);

async function attachmentsOf(tx: Transaction, device: string): Promise<AttachedDisk[]> {
  return (await tx.disks.attachedTo(device)).map(({ id, kind, name, attachments }) => {
    const { access = 'read-only', state } = attachments.find((each) => each.device === device) ?? {};
    return { id, kind, name, access, ...(state === 'detaching' ? { isLeaving: true } : {}) };
  });
}

export function createBootService(deps: BootServiceDeps): BootService {
  const { store, clock, log, feed, blobs, settings } = deps;
  const bootKey = createBootKey(deps);
  const secrets = deps.secrets ?? createDeviceSecrets(deps);
  const timelines = createTimelines({ clock, settings });
  const prepareSecrets = (device: string, hostname: string): void => secrets.prepare(device, hostname);

  const files = createFilesOfDevices({ store, moreFiles: deps.moreFiles ?? noFiles });
  const recordBeats = createRecordBeats({ clock, everySeconds: settings.heartbeatSeconds });
  const { retentionDays } = settings;
  const sweeper = createSessionSweeper({ store, clock, log, timelines, feed, retentionDays });

  const tree = async (digest: string): Promise<BootTree> => {
    const blob = await blobs.stat(digest);
    if (blob === undefined) throw new RefusedError(refusal('blob.not-found', `There is no boot tree ${digest}.`));
    return JSON.parse(Buffer.from(await blobs.read(digest, 0, blob.size)).toString('utf8')) as BootTree;
  };

  return {
    backend: {
      bootKey,
      identify: createIdentifyDevice({
        ...{ store, prepareSecrets, onUnassigned: deps.onUnassigned },
        registerSeen: (wire) => deps.registerSeen(wire),
      }),
      admitCard: createAdmitCard({ ...deps, prepareSecrets }),
      tree,
      attachments: (device) => store.read((tx) => attachmentsOf(tx, device)),
      filesDigest: (device) => files.digest(device),
      files: async (session) => (await files.ofSession(session))?.toString('base64') ?? null,
      exchange: createExchange({
        ...{ ...deps, bootKey, timelines, secrets, files },
        ensureBootSet: (tx, image) => ensureBootSet(deps, tx, image),
      }),
      ...createCardAnswers({ ...deps, deltas: createDeltas(deps) }),
      telemetry: createRecordTelemetry({ store, clock, timelines, feed, recordBeats, site: settings.site }),
      leases: (site) => store.read((tx) => tx.sessions.leases(site)),
      saveLease: (lease) => store.transaction((tx) => tx.sessions.saveLease(lease)),
      diskOrders: deps.diskOrders,
    },
    sessions: createSessions({ store, feed }),
    silence: createSilenceWatch({ store, clock, log, everySeconds: settings.heartbeatSeconds }),
    sweeper: {
      ...sweeper,
      stop: async () => {
        await secrets.stop();
        await sweeper.stop();
      },
    },
  };
}
