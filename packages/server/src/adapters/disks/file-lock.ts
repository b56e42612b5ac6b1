import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** Keeps a file to one process, through the system: Node has no call for it. */
export interface FileLock {
  /**
   * Takes the lock for as long as this descriptor, or one that another process was given of it, is open (flock(2)). False when somebody else
   * kept it for all of `waitMs`. Rejects when the program is missing or the file system cannot.
   */
  take(fd: number, waitMs: number): Promise<boolean>;
}

/** What flock(1) ends with when it waited in vain: any number that it does not use itself. */
const heldByAnother = 99;

/**
 * Calls flock(1) of util-linux on the open file: the lock belongs to the open file, so that it stays when the program has ended. A program that
 * makes holes holds it as well, also when this process was killed: nobody else has the file before the last hole is made.
 */
export function createFileLock(): FileLock {
  return {
    take: async (fd, waitMs) => {
      const options = [
        '--exclusive',
        '--timeout',
        String(waitMs / 1000),
        '--conflict-exit-code',
        String(heldByAnother),
      ];
      const child = spawn('flock', [...options, '3'], { stdio: ['ignore', 'ignore', 'pipe', fd] });
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1000)));
      const [code] = (await once(child, 'close')) as [number | null];
      if (code === 0 || code === heldByAnother) return code === 0;
      throw new Error(`flock ended with ${code}: ${said.trim()}`);
    },
  };
}
