import { DatabaseSync, type DatabaseSyncInstance } from '@photostructure/sqlite';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Somebody else works on this data folder. */
export class DataFolderInUseError extends Error {
  constructor(dataDir: string, what: string, pid: string | undefined) {
    super(
      `${dataDir} is in use by another drover ${what}${pid === undefined ? '' : ` (process ${pid})`}. ` +
        'Stop that one first, or give this server a data folder of its own (dataDir in the settings, or --data-dir).',
    );
    this.name = 'DataFolderInUseError';
  }
}

/** Held until released, or until the process is gone, however it went. */
export interface Lock {
  release(): void;
}

const pidOf = (file: string): string | undefined => {
  try {
    return /^\d+/.exec(readFileSync(file, 'utf8'))?.[0];
  } catch {
    return undefined;
  }
};

const tryLock = (file: string): DatabaseSyncInstance | undefined => {
  const database = new DatabaseSync(file, { timeout: 0 });
  try {
    // No journal beside it: nothing is ever written.
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
    return database;
  } catch {
    database.close();
    return undefined;
  }
};

/**
 * Takes `<dataDir>/<name>.lock` for this process, waiting up to `waitMs` for one that is just ending. Node has no flock, so the lock is SQLite's on an
 * otherwise empty database: the kernel drops it with the process, so nothing is ever stale, also after kill -9.
 *
 * @throws DataFolderInUseError
 */
export const takeLock = async (dataDir: string, name: string, waitMs: number): Promise<Lock> => {
  const file = join(dataDir, `${name}.lock`);
  const pidFile = join(dataDir, `${name}.pid`);
  const giveUpAt = Date.now() + waitMs;
  for (;;) {
    const database = tryLock(file);
    if (database !== undefined) {
      writeFileSync(pidFile, `${process.pid}\n`, { mode: 0o644 });
      return {
        release: () => {
          rmSync(pidFile, { force: true });
          database.close();
        },
      };
    }
    if (Date.now() >= giveUpAt) throw new DataFolderInUseError(dataDir, name, pidOf(pidFile));
    await sleep(100);
  }
};
