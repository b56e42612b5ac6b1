import { sessionStages } from '@drover/contract';
import { silenceLimits } from '../../domain/session-machine.js';
import type { Clock, Log, Service } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { TimelineFeed } from './ports.js';
import type { Timelines } from './timelines.js';

interface Deps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly timelines: Timelines;
  readonly feed: TimelineFeed;
  readonly retentionDays: number;
  readonly intervalMs?: number;
}

export interface SessionSweeper extends Service {
  /** One round: ends sessions that fell silent, forgets old ones. Returns how many were ended. */
  sweep(): Promise<number>;
}

const defaultIntervalMs = 15_000;
const pruneEveryMs = 3_600_000;
const dayMs = 86_400_000;
/** Looked at in one round, for each stage. */
const atOnce = 200;

export function createSessionSweeper(deps: Deps): SessionSweeper {
  const { store, clock, log } = deps;
  let timer: NodeJS.Timeout | undefined;
  let round: Promise<unknown> = Promise.resolve();
  let prunedAt = -Infinity;

  /** Sessions at their stage for longer than that stage may be silent. */
  const silent = async (): Promise<string[]> => {
    const found: string[] = [];
    for (const stage of sessionStages) {
      const limit = silenceLimits[stage];
      if (!Number.isFinite(limit)) continue;
      const before = new Date(clock.now() - limit).toISOString();
      const sessions = await store.read((tx) => tx.sessions.silentSince(before, atOnce));
      found.push(...sessions.filter((session) => session.stage === stage).map(({ id }) => id));
    }
    return found;
  };

  const endOne = async (id: string): Promise<boolean> => {
    const published = await store.transaction(async (tx) => {
      const session = await tx.sessions.getForUpdate(id);
      if (session?.outcome !== 'running') return undefined;
      const before = new Date(clock.now() - silenceLimits[session.stage]).toISOString();
      // It may have spoken since it was listed.
      const still = await tx.sessions.silentSince(before, atOnce * sessionStages.length);
      return still.some((each) => each.id === id) ? deps.timelines.end(tx, session, 'lost') : undefined;
    });
    for (const told of published ?? []) deps.feed.publish(told.session, told.device, told.tenant, told.items);
    return published !== undefined;
  };

  const prune = async (): Promise<void> => {
    if (clock.now() - prunedAt < pruneEveryMs) return;
    prunedAt = clock.now();
    const before = new Date(clock.now() - deps.retentionDays * dayMs).toISOString();
    const pruned = await store.transaction((tx) => tx.sessions.prune(before));
    if (pruned > 0) log.info({ sessions: pruned, before }, 'old boot sessions were forgotten');
  };

  const sweep = async (): Promise<number> => {
    let ended = 0;
    for (const id of await silent()) if (await endOne(id)) ended += 1;
    await prune();
    return ended;
  };

  return {
    sweep,
    start: async (signal) => {
      const every = deps.intervalMs ?? defaultIntervalMs;
      const next = (): void => {
        timer = setTimeout(() => {
          round = sweep()
            .catch((error: unknown) => log.error({ err: error }, 'the sweep of boot sessions failed'))
            .finally(() => {
              if (!signal.aborted && timer !== undefined) next();
            });
        }, every);
        timer.unref();
      };
      next();
    },
    stop: async () => {
      clearTimeout(timer);
      timer = undefined;
      await round;
    },
  };
}
