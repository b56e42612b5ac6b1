/** Something that is opened once for all who use it at the same time, and closed some time after the last has let go. */
export interface Shared<T> {
  /** Opens it, or gives what is open. Rejects when it cannot be opened, and with ESHUTDOWN after `close`. */
  acquire(key: string): Promise<Lease<T>>;
  /** Open, or being opened or closed. */
  isOpen(key: string): boolean;
  /** Closes what nobody uses now, without waiting longer. Resolves when it is closed; at once when it is in use or not open. */
  closeIdle(key: string): Promise<void>;
  /** Closes everything, also what is in use, and opens nothing more. */
  close(): Promise<void>;
}

/** One user's share. */
export interface Lease<T> {
  readonly value: T;
  /** To be called once the user's calls are over. Calling it again does nothing. */
  readonly release: () => void;
}

export interface SharedDeps<T> {
  readonly open: (key: string) => Promise<T>;
  /** Called once for each that was opened. */
  readonly close: (value: T) => Promise<void>;
  /** Returns a function that undoes it. */
  readonly after: (ms: number, run: () => void) => () => void;
  /** How long it stays open without a user, in ms: a client that comes back finds it as it was. */
  readonly lingerMs: number;
  /** Closing it failed. Must not throw. */
  readonly onCloseFailed: (key: string, error: unknown) => void;
}

interface Entry<T> {
  readonly opened: Promise<T>;
  users: number;
  stopLingering: () => void;
  /** Set when it is being closed; resolves when it is, and never rejects. */
  closing: Promise<void> | undefined;
}

const nothing = (): void => undefined;

export function createShared<T>({ open, close, after, lingerMs, onCloseFailed }: SharedDeps<T>): Shared<T> {
  const entries = new Map<string, Entry<T>>();
  let isShut = false;

  const begin = (key: string): Entry<T> => {
    const entry: Entry<T> = { opened: open(key), users: 0, stopLingering: nothing, closing: undefined };
    entries.set(key, entry);
    // The next one tries again.
    entry.opened.catch(() => entries.delete(key));
    return entry;
  };

  const closeEntry = (key: string, entry: Entry<T>): Promise<void> => {
    entry.stopLingering();
    const closed = async (): Promise<void> => {
      const value = await entry.opened.catch(() => undefined);
      if (value === undefined) return;
      await close(value).catch((error: unknown) => onCloseFailed(key, error));
      entries.delete(key);
    };
    entry.closing ??= closed();
    return entry.closing;
  };

  const leave = (key: string, entry: Entry<T>): void => {
    entry.users -= 1;
    if (entry.users > 0 || entry.closing !== undefined) return;
    entry.stopLingering = after(lingerMs, () => void closeEntry(key, entry));
  };

  const leaseOf = (key: string, entry: Entry<T>, value: T): Lease<T> => {
    let isReleased = false;
    return {
      value,
      release: () => {
        if (!isReleased) leave(key, entry);
        isReleased = true;
      },
    };
  };

  const requireOpen = (): void => {
    if (isShut) throw Object.assign(new Error('the server is being stopped'), { code: 'ESHUTDOWN' });
  };

  /** Counts as a user of the entry, once one that is being closed is gone. */
  const enter = async (key: string): Promise<Entry<T>> => {
    for (;;) {
      requireOpen();
      const there = entries.get(key);
      if (there?.closing !== undefined) {
        await there.closing;
        continue;
      }
      const entry = there ?? begin(key);
      entry.users += 1;
      entry.stopLingering();
      return entry;
    }
  };

  return {
    acquire: async (key) => {
      const entry = await enter(key);
      const value = await entry.opened;
      requireOpen();
      return leaseOf(key, entry, value);
    },
    isOpen: (key) => entries.has(key),
    closeIdle: async (key) => {
      const entry = entries.get(key);
      if (entry !== undefined && (entry.users === 0 || entry.closing !== undefined)) await closeEntry(key, entry);
    },
    close: async () => {
      isShut = true;
      await Promise.all([...entries].map(([key, entry]) => closeEntry(key, entry)));
    },
  };
}
