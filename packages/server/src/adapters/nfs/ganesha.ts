import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Readable } from 'node:stream';
import { refusal, RefusedError } from '@drover/contract';
import type { NfsExport, NfsServer } from '../../app/nfs/ports.js';
import type { Log } from '../../app/ports.js';
import { ganeshaConfig, ganeshaExports, ganeshaPath } from './ganesha-config.js';

export interface GaneshaDeps {
  readonly folder: string;
  readonly port: number;
  readonly mountPort: number;
  readonly log: Log;
  /** How long it may take to start, and to read its exports again, in ms. */
  readonly patience?: { readonly start: number; readonly reload: number };
  /** Port of the machine's port mapper, without which nfs-ganesha does not speak version 3. */
  readonly portMapper?: number;
}

const defaultPatience = { start: 30_000, reload: 30_000 };
const started = 'NFS SERVER INITIALIZED';
const reloaded = 'Reread exports complete';

type Child = ChildProcessByStdio<null, Readable, Readable>;

/** Programs of Debian are where an ordinary user's search path may not reach. */
const programs = ['ganesha.nfsd', '/usr/bin/ganesha.nfsd', '/usr/sbin/ganesha.nfsd'];

const failed = (detail: string, remedy: string): RefusedError =>
  new RefusedError(refusal('tool.failed', detail, { remedy }));

const remedies = {
  install: 'Install it: apt install nfs-ganesha nfs-ganesha-vfs && systemctl disable --now nfs-ganesha',
  port: 'Is its port taken? Stop what has it (systemctl disable --now nfs-ganesha nfs-server), or set nfs.port to another.',
};

/** nfs-ganesha as a child of this server, started again when it ends. Exports come and go while it runs: it reads them again on SIGHUP. */
export function createGanesha(deps: GaneshaDeps): NfsServer {
  const { folder, port, mountPort, log, patience = defaultPatience } = deps;
  const exportsFile = join(folder, 'exports.conf');
  let spoken: ReturnType<NfsServer['versions']> = '4';
  let child: Child | undefined;
  let isStopping = false;
  let restartMs = 1_000;
  /** Lines that somebody waits for. */
  const waiting = new Set<{ text: string; seen: () => void }>();
  let last = '';

  const hear = (line: string): void => {
    last = line;
    for (const each of waiting) if (line.includes(each.text)) each.seen();
    if (/:(CRIT|MAJ|FATAL) :/.test(line) && !/DBUS|krb5|principal nfs|gssd/.test(line))
      log.warn({ line }, 'nfs-ganesha');
  };

  /** Resolves when it says so; `false` when it does not in time, or has ended. */
  const says = (text: string, ms: number): Promise<boolean> =>
    new Promise((resolve) => {
      const running = child;
      const end = (said: boolean): void => {
        clearTimeout(timer);
        waiting.delete(one);
        running?.off('exit', gone);
        resolve(said);
      };
      const one = { text, seen: () => end(true) };
      const gone = (): void => end(false);
      const timer = setTimeout(() => end(false), ms);
      waiting.add(one);
      if (running === undefined) return end(false);
      running.once('exit', gone);
    });

  const begin = async (): Promise<void> => {
    const args = ['-F', '-f', join(folder, 'ganesha.conf'), '-L', 'STDOUT', '-p', join(folder, 'ganesha.pid')];
    child = await spawnFirst(programs, args);
    createInterface({ input: child.stdout }).on('line', hear);
    createInterface({ input: child.stderr }).on('line', hear);
    child.once('exit', ended);
    if (await says(started, patience.start)) {
      restartMs = 1_000;
      return;
    }
    child?.kill('SIGKILL');
    throw failed(`nfs-ganesha did not start: ${last}`, remedies.port);
  };

  const ended = (): void => {
    child = undefined;
    if (isStopping) return;
    log.error({ last }, 'nfs-ganesha ended; boards that run from it wait until it is there again');
    setTimeout(() => {
      if (!isStopping && child === undefined)
        begin().catch((error: unknown) => log.error({ err: error }, 'nfs-ganesha could not be started again'));
    }, restartMs);
    restartMs = Math.min(restartMs * 2, 60_000);
  };

  const writeExports = async (exports: readonly NfsExport[]): Promise<void> => {
    await writeFile(`${exportsFile}.new`, ganeshaExports(exports), { mode: 0o600 });
    await rename(`${exportsFile}.new`, exportsFile);
  };

  return {
    port,
    mountPort,
    versions: () => spoken,
    path: ({ disk }) => ganeshaPath(disk),
    apply: async (exports) => {
      await writeExports(exports);
      const running = child;
      // One that is being started reads them by itself.
      if (running === undefined) throw failed('nfs-ganesha does not run now.', 'It is started again; try again.');
      const done = says(reloaded, patience.reload);
      running.kill('SIGHUP');
      if (!(await done)) throw failed(`nfs-ganesha did not read its exports again: ${last}`, remedies.port);
    },
    start: async () => {
      await mkdir(join(folder, 'recovery'), { recursive: true, mode: 0o700 });
      spoken = (await answers(deps.portMapper ?? 111)) ? '3,4' : '4';
      if (spoken === '4') log.warn({}, 'no port mapper (rpcbind) runs here: nfs-ganesha speaks version 4 of NFS only');
      const settings = { port, mountPort, versions: spoken, recovery: join(folder, 'recovery'), exports: exportsFile };
      await writeFile(join(folder, 'ganesha.conf'), ganeshaConfig(settings), { mode: 0o600 });
      await writeExports([]);
      await endFormer(folder);
      await begin();
    },
    stop: async () => {
      isStopping = true;
      const running = child;
      if (running === undefined) return;
      const gone = new Promise<void>((resolve) => running.once('exit', () => resolve()));
      running.kill('SIGTERM');
      const timer = setTimeout(() => running.kill('SIGKILL'), 10_000);
      await gone;
      clearTimeout(timer);
    },
  };
}

/**
 * A server that was killed leaves its nfs-ganesha behind, which holds the port. Looked for by our own settings file among the words of each process: its pid file tells nothing of one
 * that had not written it yet, and a number alone may be somebody else's by now.
 */
async function endFormer(folder: string): Promise<void> {
  for (let look = 0; look < 100; look++) {
    const found = await processesWith(join(folder, 'ganesha.conf'));
    if (found.length === 0) return;
    for (const pid of found) endProcess(pid);
    await sleep(50);
  }
}

/** Pids of nfs-ganesha with such a word on its command line. */
async function processesWith(setting: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const [program = '', ...words] = (await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')).split('\0');
    if (program.endsWith('ganesha.nfsd') && words.includes(setting)) found.push(Number(name));
  }
  return found;
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

async function spawnFirst(paths: readonly string[], args: readonly string[]): Promise<Child> {
  for (const path of paths) {
    // A process group of its own: an interrupt from a terminal is for Drover, which ends it in order, and what it sends to its group is not for Drover.
    const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const there = await new Promise<boolean>((resolve, reject) => {
      child.once('spawn', () => resolve(true));
      child.once('error', (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? resolve(false) : reject(error)));
    });
    if (there) return child;
  }
  throw new RefusedError(
    refusal('tool.missing', 'The program ganesha.nfsd is not installed.', { remedy: remedies.install }),
  );
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    const end = (there: boolean): void => {
      socket.destroy();
      resolve(there);
    };
    socket.setTimeout(2_000, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
