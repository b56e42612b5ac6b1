import type { RecipeSource } from '@drover/contract';
import { inOrderOfExtends, isDue, type Timetable } from '../../domain/build-schedule.js';
import type { EnqueueJob } from '../jobs/handler.js';
import type { Clock, Ids, Log, Service } from '../ports.js';
import type { Store } from '../store/ports.js';
import { beginBuild } from './builds.js';
import type { RecipeBook } from './ports.js';

/** Builds that are asked for at a time. */
export interface BuildSchedule extends Timetable {
  readonly name: string;
  readonly recipes: readonly string[];
  readonly release: boolean;
  readonly publish: boolean;
}

export interface SchedulerDeps {
  readonly store: Store;
  readonly recipes: RecipeBook;
  readonly enqueue: EnqueueJob;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly schedules: readonly BuildSchedule[];
}

const lookEveryMs = 30_000;

interface Found {
  readonly name: string;
  readonly source: RecipeSource;
  readonly chain: readonly string[];
}

/** A folder of this server goes before one that comes with Drover. One that is neither, or is broken, is built all the same: that says why it fails. */
async function findRecipe({ recipes }: SchedulerDeps, name: string): Promise<Found> {
  for (const kind of ['folder', 'shipped'] as const) {
    const chain = await recipes.chainOf({ kind, name });
    if (chain.ok) return { name, source: { kind, name }, chain: chain.value };
    if (chain.code !== 'recipe.not-found') return { name, source: { kind, name }, chain: [name] };
  }
  return { name, source: { kind: 'shipped', name }, chain: [name] };
}

/** Queues a build of each recipe, those that others extend first; not of one that is queued or at work for this schedule. */
export async function runSchedule(deps: SchedulerDeps, schedule: BuildSchedule): Promise<void> {
  const found: Found[] = [];
  for (const name of new Set(schedule.recipes)) found.push(await findRecipe(deps, name));
  for (const { name, source } of inOrderOfExtends(found)) {
    const { release, publish } = schedule;
    await deps.store.transaction(async (tx) => {
      if ((await tx.builds.unfinished({ schedule: schedule.name, recipe: name })) !== undefined) return;
      const asked = { tenant: null, recipe: name, source, lock: null, release, publish } as const;
      await beginBuild(deps, tx, { ...asked, trigger: 'schedule', schedule: schedule.name });
    });
  }
  deps.log.info({ schedule: schedule.name, recipes: found.map(({ name }) => name) }, 'a schedule asked for builds');
}

/** Looks twice a minute which schedules are due. */
export function createScheduler(deps: SchedulerDeps): Service {
  const { store, clock, log, schedules } = deps;
  const since = clock.now();
  /** When each was last run by us, also where there was nothing to queue. */
  const ran = new Map<string, number>();
  const look = async (schedule: BuildSchedule): Promise<void> => {
    const now = clock.now();
    const stored = await store.read((tx) => tx.builds.lastOf(schedule.name));
    const known = [ran.get(schedule.name), stored === undefined ? undefined : Date.parse(stored)];
    const moments = known.filter((moment) => moment !== undefined);
    const last = moments.length === 0 ? undefined : Math.max(...moments);
    if (!isDue(schedule, { now, since, last })) return;
    await runSchedule(deps, schedule);
    ran.set(schedule.name, now);
  };
  const lookAtAll = async (): Promise<void> => {
    for (const schedule of schedules)
      await look(schedule).catch((error: unknown) => {
        log.warn({ err: error, schedule: schedule.name }, 'a schedule could not be looked at; tried again soon');
      });
  };
  let timer: NodeJS.Timeout | undefined;
  let looking = Promise.resolve();
  const begin = (): void => {
    looking = looking.then(lookAtAll);
  };
  return {
    start: async () => {
      if (schedules.length === 0) return;
      begin();
      timer = setInterval(begin, lookEveryMs);
    },
    stop: async () => {
      clearInterval(timer);
      await looking;
    },
  };
}
