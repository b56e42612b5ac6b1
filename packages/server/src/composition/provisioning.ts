import { createToolRunner } from '@drover/tools';
import { createFirstBootReader } from '../adapters/first-boot/index.js';
import { createFirstBoots, type FirstBoots } from '../app/devices/first-boot.js';
import { createDeviceKeeper } from '../app/devices/keeper.js';
import { createPrepare } from '../app/devices/prepare.js';
import { createProvisionRequests, type ProvisionRequests } from '../app/devices/provision-requests.js';
import { createProvisioning, type Provisioning } from '../app/devices/provisioning.js';
import { createReleaseJob } from '../app/devices/release-job.js';
import type { RootDisks } from '../app/disks/root-disks.js';
import type { EnqueueJob } from '../app/jobs/handler.js';
import type { ProgressFeed } from '../app/jobs/ports.js';
import { createJobRunner } from '../app/jobs/runner.js';
import type { Clock, Ids, Log, Service } from '../app/ports.js';
import type { PowerWork } from './power.js';
import type { Storage } from './storage.js';

export interface ProvisionWork {
  readonly provisioning: Provisioning;
  readonly provisionRequests: ProvisionRequests;
  readonly firstBoots: FirstBoots;
  /** In the order they start. */
  readonly services: readonly (readonly [name: string, service: Service])[];
}

/** Boards that are switched or released at once; drivers have limits of their own. */
const powerJobs = 32;

/** Who gets which board, until when, and what becomes of its power. */
export const createProvisionWork = (
  { store, serverId }: Pick<Storage, 'store' | 'serverId'>,
  power: PowerWork,
  deps: {
    readonly clock: Clock;
    readonly ids: Ids;
    readonly log: Log;
    readonly enqueue: EnqueueJob;
    readonly progress: ProgressFeed;
    readonly rootDisks: RootDisks;
    readonly defaultTenant: string;
    readonly hasDirectories: boolean;
  },
): ProvisionWork => {
  const { clock, ids, log, enqueue, progress, rootDisks, defaultTenant, hasDirectories } = deps;
  const prepare = createPrepare({ enqueue, clock, rootDisks, hasDirectories });
  const firstBoot = createFirstBootReader(createToolRunner());
  const assigning = { store, clock, prepare, powering: power.powering, firstBoot, defaultTenant };
  const provisioning = createProvisioning({ ...assigning, enqueue, takesWork: power.takesWork });
  const provisionRequests = createProvisionRequests({ ...assigning, ids });
  // Work that waits for switches and boards would hold up what fills the machine, and the other way round.
  const runner = createJobRunner({
    ...{ store, clock, ids, log, progress, events: store.events },
    handlers: [power.job, createReleaseJob({ store, clock, prepare, ...power })],
    concurrency: powerJobs,
    owner: `${serverId}/power`,
  });
  const keeper = createDeviceKeeper({ provisioning, requests: provisionRequests, events: store.events, log });
  return {
    ...{ provisioning, provisionRequests, firstBoots: createFirstBoots({ store, clock, reader: firstBoot }) },
    services: [
      ['power', runner],
      ['proofs of power', power.proofs],
      ['leases and requests', keeper],
    ],
  };
};
