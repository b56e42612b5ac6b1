import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

export interface DiskServerSettings {
  folder: string;
  /** Another boot of the machine than this one. */
  bootId?: string;
  /** Makes a base of so many bytes first, and a disk over it. */
  baseSize?: number;
}

/** A process that serves the disks of a folder. */
export interface Server {
  readonly uri: string;
  readonly process: ChildProcess;
  readonly exited: Promise<unknown>;
  /** How the disk was found when it was opened. */
  recovery(): string | undefined;
}

/**
 * Serves the disks of a folder in a process of its own, which is gone when the test is. With `fileSystemSize` the folder is a file system of so
 * many bytes that only this process sees.
 */
export async function startServer(settings: DiskServerSettings, fileSystemSize?: number): Promise<Server> {
  const script = fileURLToPath(new URL('disk-child.ts', import.meta.url));
  const node = ['--conditions=drover-source', '--import', 'tsx', script, JSON.stringify(settings)];
  const [command, args] = within(settings.folder, fileSystemSize, [process.execPath, ...node]);
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'close');
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  let recovery: string | undefined;
  const port = await new Promise<string>((resolve, reject) => {
    createInterface(child.stdout).on('line', (line) => {
      const [what, first = '', second] = line.split(' ');
      if (what === 'ready') resolve(first);
      if (what === 'opened') recovery = second;
    });
    exited.then(() => reject(new Error(`the server ended early: ${errors}`)), reject);
  });
  return { uri: `nbd://127.0.0.1:${port}/disk`, process: child, exited, recovery: () => recovery };
}

function within(folder: string, size: number | undefined, command: string[]): [string, string[]] {
  if (size === undefined) return [command[0]!, command.slice(1)];
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const shell = ['sh', '-c', 'PATH=$PATH:/usr/sbin:/sbin mount -t tmpfs -o "size=$1" small "$0" && shift && exec "$@"'];
  return ['unshare', [...user, '--mount', '--propagation', 'private', ...shell, folder, String(size), ...command]];
}
