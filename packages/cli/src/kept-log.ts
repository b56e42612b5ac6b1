import { closeSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';

/** So many files of one folder stay. */
const keptFiles = 20;

/** What a command said, in a file of its own. */
export interface KeptLog {
  readonly path: string;
  write(text: string): void;
  close(): void;
}

/** Of a disk that is full a log says less; the work that it tells of goes on. */
const orElse = <T>(work: () => T, otherwise: T): T => {
  try {
    return work();
  } catch {
    return otherwise;
  }
};

/** Names that begin with the time are in its order. */
function forgetOld(folder: string): void {
  const logs = readdirSync(folder).filter((name) => name.endsWith('.log'));
  for (const name of logs.sort().slice(0, -keptFiles)) rmSync(join(folder, name), { force: true });
}

/**
 * Begins `TIME-NAME.log`, and deletes the oldest of its folder beyond twenty. Undefined where nothing can be written. What is written is in the file
 * at once: a log is there also of what was killed.
 */
export function keepLog(folder: string, name: string, now: Date): KeptLog | undefined {
  const time = now.toISOString().slice(0, 19).replaceAll(':', '-');
  const path = join(folder, `${time}-${name}-${process.pid}.log`);
  const file = orElse(() => {
    mkdirSync(folder, { recursive: true });
    return openSync(path, 'w', 0o600);
  }, undefined);
  if (file === undefined) return undefined;
  orElse(() => forgetOld(folder), undefined);
  return {
    path,
    write: (text) => void orElse(() => writeSync(file, text), 0),
    close: () => closeSync(file),
  };
}
