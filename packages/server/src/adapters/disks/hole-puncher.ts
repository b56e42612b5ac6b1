import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Extent } from '@drover/disk-image';

/** Makes holes in files, through the system: Node has no call for it. */
export interface HolePuncher {
  /**
   * Makes holes of stretches that nobody reads or writes meanwhile. Rejects when the program is missing or the file system cannot; some of the
   * holes may then be there.
   */
  punch(fd: number, ranges: readonly Extent[]): Promise<void>;
}

/**
 * Calls fallocate(1) of util-linux for each stretch, through one xargs(1), because starting a program from a large process is slow. The file is
 * handed on open, so that no path matters; the stretches come through a pipe, four words at a time, so that no argument list is long. A
 * program that outlives this process still holds the file's lock (file-lock.ts).
 */
export function createHolePuncher(): HolePuncher {
  return {
    punch: async (fd, ranges) => {
      if (ranges.length === 0) return;
      const program = ['-n', '4', 'fallocate', '--punch-hole', '/proc/self/fd/3'];
      const child = spawn('xargs', program, { stdio: ['pipe', 'ignore', 'pipe', fd] });
      let said = '';
      child.stderr?.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-1000)));
      // A program that ends early is judged by its exit code.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(ranges.map(({ offset, length }) => `--offset ${offset} --length ${length}\n`).join(''));
      const [code] = (await once(child, 'close')) as [number | null];
      if (code !== 0) throw new Error(`fallocate ended with ${code}: ${said.trim()}`);
    },
  };
}
