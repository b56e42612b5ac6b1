import type { AnswerOf, OperationId } from '@drover/contract';
import type { Call, CallArguments } from './call.js';

/** Readable names for the operations of the route table: `client.devices.list()` is `call('listDevices')`. */
const names = {
  server: { get: 'getServer', doctor: 'getDoctor', stats: 'getServerStats', whoAmI: 'whoAmI' },
  devices: {
    list: 'listDevices',
    create: 'createDevice',
    get: 'getDevice',
    update: 'updateDevice',
    delete: 'deleteDevice',
    adopt: 'adoptDevice',
    provision: 'provision',
    reimage: 'reimageDevice',
    release: 'releaseDevice',
    lease: 'leaseDevice',
    power: 'powerDevice',
  },
  deviceFiles: {
    list: 'listDeviceFiles',
    put: 'putDeviceFile',
    get: 'getDeviceFile',
    delete: 'deleteDeviceFile',
  },
  firstBoot: { get: 'getFirstBoot', put: 'putFirstBoot', delete: 'deleteFirstBoot' },
  power: { drivers: 'listPowerDrivers' },
  consoles: { write: 'writeConsole' },
  requests: {
    list: 'listProvisionRequests',
    create: 'createProvisionRequest',
    get: 'getProvisionRequest',
    cancel: 'cancelProvisionRequest',
  },
  bootLayers: {
    list: 'listBootLayers',
    get: 'getBootLayer',
    put: 'putBootLayer',
    delete: 'deleteBootLayer',
    versions: 'listBootLayerVersions',
    diff: 'diffBootLayer',
    revert: 'revertBootLayer',
    explain: 'explainBootConfig',
    bindCard: 'bindCard',
    unbindCard: 'unbindCard',
  },
  images: {
    list: 'listImages',
    create: 'createImage',
    get: 'getImage',
    files: 'listImageFiles',
    prepareBootSet: 'prepareBootSet',
    delete: 'deleteImage',
  },
  disks: {
    list: 'listDisks',
    create: 'createDisk',
    get: 'getDisk',
    update: 'updateDisk',
    delete: 'deleteDisk',
    check: 'checkDisk',
    flatten: 'flattenDisk',
    attach: 'attachDisk',
    detach: 'detachDisk',
    snapshots: 'listSnapshots',
    takeSnapshot: 'createSnapshot',
    deleteSnapshot: 'deleteSnapshot',
  },
  backups: { list: 'listBackups', create: 'createBackup', get: 'getBackup', delete: 'deleteBackup' },
  builds: {
    list: 'listBuilds',
    create: 'createBuild',
    get: 'getBuild',
    update: 'updateBuild',
    delete: 'deleteBuild',
  },
  uploads: { create: 'createUpload', get: 'getUpload', delete: 'deleteUpload' },
  jobs: { list: 'listJobs', get: 'getJob', cancel: 'cancelJob', retry: 'retryJob' },
  cardKey: { get: 'getCardKeys', roll: 'rollCardKey' },
  blobs: { verify: 'verifyBlobs', collect: 'collectBlobs' },
  sessions: { list: 'listSessions', get: 'getSession', timeline: 'getTimeline' },
  events: { list: 'listEvents' },
  tenants: { list: 'listTenants', create: 'createTenant', update: 'updateTenant' },
  keys: { list: 'listKeys', create: 'createKey', import: 'importKey', revoke: 'revokeKey' },
  audit: { list: 'listAudit' },
} as const satisfies Record<string, Record<string, OperationId>>;

type Names = typeof names;
type Method<O extends OperationId> = (...args: CallArguments<O>) => Promise<AnswerOf<O>>;
export type Resources = {
  readonly [G in keyof Names]: {
    readonly [M in keyof Names[G]]: Names[G][M] extends infer O extends OperationId ? Method<O> : never;
  };
};

/** Every named operation as a method. */
export const createResources = (call: Call): Resources => {
  const bind =
    (operation: OperationId) =>
    (...args: unknown[]) =>
      (call as (operation: OperationId, ...rest: unknown[]) => Promise<unknown>)(operation, ...args);
  return Object.fromEntries(
    Object.entries(names).map(([group, methods]) => [
      group,
      Object.fromEntries(Object.entries(methods).map(([name, operation]) => [name, bind(operation)])),
    ]),
  ) as unknown as Resources;
};

/** Operations that have a readable name, for the test that none is forgotten. */
export const namedOperations: readonly OperationId[] = Object.values(names).flatMap((group) => Object.values(group));
