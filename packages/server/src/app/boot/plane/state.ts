import type { Log, Service } from '../../ports.js';
import type { BootBackend, StoredLease } from '../ports.js';
import type { BoardBook, PlaneState } from './board-book.js';
import type { PlaneMemory } from './ports.js';

/** What the boot plane carries over its restarts, and the key it renders with. */
export interface PlaneStateKeeper extends Service {
  /** Undefined until the control plane told it for the first time. */
  bootKey(): string | undefined;
  /** Something worth keeping changed; it is written soon. */
  changed(): void;
  leases(): readonly StoredLease[];
}

interface Deps {
  readonly memory: PlaneMemory;
  readonly backend: Pick<BootBackend, 'bootKey'>;
  readonly book: BoardBook;
  readonly currentLeases: () => readonly StoredLease[];
  readonly log: Log;
  readonly lingerMs?: number;
  readonly retryMs?: number;
}

const isState = (value: unknown): value is PlaneState =>
  typeof value === 'object' &&
  value !== null &&
  (value as Partial<PlaneState>).version === 1 &&
  Array.isArray((value as Partial<PlaneState>).boards) &&
  Array.isArray((value as Partial<PlaneState>).addresses) &&
  Array.isArray((value as Partial<PlaneState>).leases);

export function createPlaneState({
  memory,
  backend,
  book,
  currentLeases,
  log,
  lingerMs = 250,
  retryMs = 1_000,
}: Deps): PlaneStateKeeper {
  let key: string | undefined;
  let remembered: readonly StoredLease[] = [];
  let timer: NodeJS.Timeout | undefined;
  let retry: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();
  let stopped = false;

  const write = async (): Promise<void> => {
    const state: PlaneState = { version: 1, bootKey: key ?? null, ...book.snapshot(), leases: currentLeases() };
    await memory
      .save(state)
      .catch((error: unknown) => log.error({ err: error }, 'the boot plane cannot remember its state'));
  };
  /** One write at a time; a large state is written less often than a small one. */
  const writeSoon = (): void => {
    timer ??= setTimeout(() => {
      const began = Date.now();
      writing = write().then(async () => {
        const pause = Math.min(10_000, 5 * (Date.now() - began));
        timer = undefined;
        if (pause > lingerMs && !stopped) await new Promise((resolve) => setTimeout(resolve, pause).unref());
      });
    }, lingerMs);
  };

  const fetchKey = async (): Promise<void> => {
    try {
      const told = await backend.bootKey();
      if (key !== undefined && told !== key) {
        log.warn({}, 'the boot key is another one: boards that are booting start over');
        for (const board of book.all()) Object.assign(board, { boot: null, former: null });
      }
      if (told !== key) {
        key = told;
        writeSoon();
      }
    } catch (error) {
      log.debug({ err: error }, 'the control plane is away: the boot key is asked for again');
      if (!stopped) retry = setTimeout(() => void fetchKey(), retryMs);
    }
  };

  return {
    bootKey: () => key,
    changed: writeSoon,
    leases: () => remembered,
    start: async () => {
      const state = await memory.load();
      if (isState(state)) {
        key = state.bootKey ?? undefined;
        remembered = state.leases;
        book.restore(state);
        log.info({ boards: state.boards.length }, 'the boot plane goes on with the boards it knew');
      }
      const fetched = fetchKey();
      // With a key at hand nobody has to wait for the control plane.
      if (key === undefined) await fetched;
    },
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(retry);
      await writing;
      await write();
    },
  };
}
