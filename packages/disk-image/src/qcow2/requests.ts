/** A change of a stretch of the disk. */
export interface Request {
  /** Bytes. */
  readonly start: number;
  readonly end: number;
}

/**
 * Puts changes in order where it matters. Two of them run at the same time unless they touch the same bytes, or the same cluster while one of
 * them gives a cluster another place. Those that must wait go in the order in which they came. Reads need no order.
 */
export interface Requests {
  /**
   * Runs `work` when no earlier change is in its way; at once when there is none. `moves` tells whether a cluster would get another place, as
   * things are when it is asked; `work` is told what it said last.
   */
  run<T>(request: Request, moves: () => boolean, work: (moves: boolean) => Promise<T>): Promise<T>;
}

interface Entry {
  readonly start: number;
  readonly end: number;
  /** The same in whole clusters. */
  readonly low: number;
  readonly high: number;
  readonly moves: () => boolean;
  /** Undefined while it waits. */
  wake: (() => void) | undefined;
  exclusive: boolean;
}

/** Whether the later of two changes has to wait for the earlier one. What waits is taken for one that moves clusters. */
function inTheWay(earlier: Entry, later: Entry): boolean {
  if (earlier.low >= later.high || later.low >= earlier.high) return false;
  if (earlier.exclusive || earlier.wake !== undefined || later.exclusive) return true;
  return earlier.start < later.end && later.start < earlier.end;
}

/** Work that throws counts as work that rejects. */
function begin<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

export function createRequests(clusterSize: number): Requests {
  const entries: Entry[] = [];

  const mayStart = (entry: Entry): boolean => {
    entry.exclusive = entry.moves();
    for (const earlier of entries) {
      if (earlier === entry) return true;
      if (inTheWay(earlier, entry)) return false;
    }
    return true;
  };

  const leave = (entry: Entry): void => {
    entries.splice(entries.indexOf(entry), 1);
    for (const waiting of entries) {
      if (waiting.wake === undefined || !mayStart(waiting)) continue;
      const { wake } = waiting;
      waiting.wake = undefined;
      wake();
    }
  };

  /** Without `async` and `finally`, which cost each write three promises more. */
  const carryOut = <T>(entry: Entry, work: (moves: boolean) => Promise<T>): Promise<T> =>
    begin(() => work(entry.exclusive)).then(
      (value) => {
        leave(entry);
        return value;
      },
      (error: unknown) => {
        leave(entry);
        throw error;
      },
    );

  return {
    run: ({ start, end }, moves, work) => {
      const low = Math.floor(start / clusterSize) * clusterSize;
      const high = Math.ceil(end / clusterSize) * clusterSize;
      const entry: Entry = { start, end, low, high, moves, wake: undefined, exclusive: false };
      entries.push(entry);
      if (mayStart(entry)) return carryOut(entry, work);
      return new Promise<void>((resolve) => (entry.wake = resolve)).then(() => carryOut(entry, work));
    },
  };
}
