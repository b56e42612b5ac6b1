import { join } from 'node:path';
import { createBuildLogs } from '../adapters/build-logs/index.js';
import { createImageBuilder, createRecipeBook } from '../adapters/builder/index.js';
import { createBuildJob } from '../app/builds/build-job.js';
import { createBuilds, type Builds } from '../app/builds/builds.js';
import { collectBuilds } from '../app/builds/collect.js';
import { createPublished, type Published } from '../app/builds/published.js';
import { createScheduler } from '../app/builds/scheduler.js';
import type { EnqueueJob, JobHandler } from '../app/jobs/handler.js';
import type { Clock, Ids, Log, Service } from '../app/ports.js';
import type { Settings } from '../config.js';
import type { ImageWork } from './images.js';
import type { Storage } from './storage.js';

export interface BuildWork {
  readonly job: JobHandler;
  readonly builds: Builds;
  readonly published: Published;
  readonly scheduler: Service;
  readonly collectBuilds: () => Promise<void>;
}

/** Building images, by the builder that runs here. */
export const createBuildWork = (
  settings: Settings,
  { store, blobs, uploads }: Storage,
  deps: Pick<ImageWork, 'inspector' | 'initramfs'> & {
    readonly clock: Clock;
    readonly ids: Ids;
    readonly log: Log;
    readonly enqueue: EnqueueJob;
    readonly defaultTenant: string;
  },
): BuildWork => {
  const { clock, ids, log, enqueue, inspector, initramfs, defaultTenant } = deps;
  const { allow, recipes: folder, schedules, timezone } = settings.builds;
  const logs = createBuildLogs(join(settings.dataDir, 'build-logs'));
  const recipes = createRecipeBook(folder);
  const builder = createImageBuilder({ ...settings.builds, recipes: folder });
  const collect = (): Promise<void> => collectBuilds({ store, logs, clock, schedules });
  const timetables = schedules.map((schedule) => ({ ...schedule, timezone }));
  return {
    job: createBuildJob({
      ...{ store, blobs, uploads, builder, logs, inspector, initramfs, clock, ids },
      onEnded: collect,
    }),
    builds: createBuilds({ store, blobs, logs, recipes, enqueue, clock, ids, defaultTenant, allow }),
    published: createPublished({ store, blobs }),
    scheduler: createScheduler({ store, recipes, enqueue, clock, ids, log, schedules: timetables }),
    collectBuilds: collect,
  };
};
