import { open, type FileHandle } from 'node:fs/promises';

/** A bounded set of open files, so that many small reads of few blobs do not open a file each. */
export interface Handles {
  /** Runs `work` with the open file; the file stays open at least until it ends. */
  use<T>(path: string, work: (handle: FileHandle) => Promise<T>): Promise<T>;
  /** Forgets the file of a path, because another or none is there now. */
  drop(path: string): void;
  readonly close: () => Promise<void>;
}

interface Entry {
  readonly handle: Promise<FileHandle>;
  users: number;
  dropped: boolean;
}

/** Keeps `limit` files open that nobody uses; those in use come on top. */
export const createHandles = (limit: number): Handles => {
  const entries = new Map<string, Entry>();

  const release = (entry: Entry): void => {
    if (entry.users > 0 || !entry.dropped) return;
    void entry.handle.then((handle) => handle.close()).catch(() => undefined);
  };

  const drop = (path: string): void => {
    const entry = entries.get(path);
    if (entry === undefined) return;
    entries.delete(path);
    entry.dropped = true;
    release(entry);
  };

  const trim = (): void => {
    for (const [path, entry] of entries) {
      if (entries.size <= limit) return;
      if (entry.users === 0) drop(path);
    }
  };

  const enter = (path: string): Entry => {
    const entry = entries.get(path) ?? { handle: open(path, 'r'), users: 0, dropped: false };
    entries.delete(path);
    entries.set(path, entry);
    entry.users += 1;
    return entry;
  };

  return {
    use: async (path, work) => {
      const entry = enter(path);
      try {
        return await work(await entry.handle);
      } catch (error) {
        if (entries.get(path) === entry) drop(path);
        throw error;
      } finally {
        entry.users -= 1;
        release(entry);
        trim();
      }
    },
    drop,
    close: async () => {
      const open = [...entries.values()];
      for (const path of [...entries.keys()]) drop(path);
      await Promise.allSettled(open.map((entry) => entry.handle));
    },
  };
};
