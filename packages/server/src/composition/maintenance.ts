import { graceMs } from '../app/blobs/collect-job.js';
import type { Tracks } from '../app/configs/tracks.js';
import type { Uploads } from '../app/images/uploads.js';
import type { EnqueueJob } from '../app/jobs/handler.js';
import type { Clock, Log, Service } from '../app/ports.js';
import type { Store } from '../app/store/ports.js';
import type { Idempotency } from '../app/tenants/idempotency.js';
import type { WebSessions } from '../app/tenants/web-sessions.js';
import type { Settings } from '../config.js';

export interface MaintenanceDeps {
  readonly store: Store;
  readonly enqueue: EnqueueJob;
  readonly idempotency: Idempotency;
  readonly uploads: Uploads;
  readonly webSessions: Pick<WebSessions, 'prune'>;
  readonly tracks: Pick<Tracks, 'prune'>;
  readonly collectBuilds: () => Promise<void>;
  readonly disks: { readonly removeDue: () => Promise<number> };
  readonly retention: Settings['retention'];
  readonly clock: Clock;
  readonly log: Log;
}

const everyMs = 3_600_000;
const dayMs = 86_400_000;

/** Queues a collection of blobs where there is something to collect and none is queued. */
const collectWhereNeeded = ({ store, enqueue, clock }: MaintenanceDeps): Promise<void> =>
  store.transaction(async (tx) => {
    const [blob] = await tx.blobs.unreferenced(new Date(clock.now() - graceMs).toISOString(), 1);
    if (blob === undefined || (await tx.jobs.unfinished('blob.collect', null)) !== undefined) return;
    await enqueue(tx, { kind: 'blob.collect', tenant: null, subject: null, input: {} });
  });

/** Once an hour: throws away what is older than the settings keep, and what nothing needs any more. Boot sessions have a sweeper of their own. */
export const createMaintenance = (deps: MaintenanceDeps): Service => {
  const { store, clock, log, retention } = deps;
  const before = (days: number): string => new Date(clock.now() - days * dayMs).toISOString();
  const chores: readonly (readonly [name: string, run: () => Promise<unknown>])[] = [
    ['answers of idempotency keys', () => deps.idempotency.prune()],
    ['builds that are not kept', () => deps.collectBuilds()],
    ['disks whose time is over', () => deps.disks.removeDue()],
    ['uploads nobody goes on with', () => deps.uploads.sweep()],
    ['sessions of the dashboard', () => deps.webSessions.prune()],
    ['tracks of cards', () => deps.tracks.prune()],
    ['events', () => store.transaction((tx) => tx.events.prune(before(retention.eventsDays)))],
    ['jobs', () => store.transaction((tx) => tx.jobs.prune(before(retention.jobsDays)))],
    ['requests for devices', () => store.transaction((tx) => tx.requests.prune(before(retention.jobsDays)))],
    ['the audit trail', () => store.transaction((tx) => tx.audit.prune(before(retention.auditDays)))],
    ['blobs nothing needs', () => collectWhereNeeded(deps)],
  ];
  let timer: NodeJS.Timeout | undefined;
  let running = Promise.resolve();
  const runAll = async (): Promise<void> => {
    for (const [name, run] of chores) {
      try {
        await run();
      } catch (error) {
        log.warn({ err: error }, `${name} could not be tidied up; tried again in an hour`);
      }
    }
  };
  const begin = (): void => {
    running = running.then(runAll);
  };
  return {
    start: async () => {
      begin();
      timer = setInterval(begin, everyMs);
    },
    stop: async () => {
      clearInterval(timer);
      await running;
    },
  };
};
