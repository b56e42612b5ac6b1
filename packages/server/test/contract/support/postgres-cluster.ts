import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const tools = '/usr/lib/postgresql/15/bin';
const missing = 'PostgreSQL 15 is not installed. As root: scripts/install-packages test';

/** PostgreSQL refuses to run as root, so then it runs as the user `postgres` that its package brings. */
const userOfCluster = (): { uid: number; gid: number; prefix: string[] } => {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return { uid, gid: process.getgid?.() ?? uid, prefix: [] };
  const line = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .find((entry) => entry.startsWith('postgres:'));
  if (line === undefined) throw new Error(missing);
  const [, , user = '', group = ''] = line.split(':');
  const prefix = ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups'];
  return { uid: Number(user), gid: Number(group), prefix };
};

/** Vitest itself: the parent of every worker. With its start time, so that a pid used again names another folder. */
const runOfVitest = (): string => {
  const fields = readFileSync(`/proc/${process.ppid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return `${process.ppid}-${fields[19] ?? '0'}`;
};

/**
 * The throw-away cluster of this run of vitest, on a Unix socket in a temporary folder. The first test file that asks starts it; a watcher stops and
 * removes it when vitest is gone, however it ended. Its locale sorts as people do, not byte by byte, and its commits are not durable unless a client
 * asks for it: both are things the store must not depend on. Only clients are killed, never this server, so it need not flush.
 *
 * @returns its URL
 */
export const sharedCluster = async (): Promise<string> => {
  if (!existsSync(join(tools, 'initdb'))) throw new Error(missing);
  const folder = join(tmpdir(), `drover-postgres-${runOfVitest()}`);
  try {
    mkdirSync(folder);
    startCluster(folder);
    writeFileSync(join(folder, 'ready'), '');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    await someoneElseStartsIt(folder);
  }
  return `postgres://drover@/postgres?host=${encodeURIComponent(folder)}`;
};

const someoneElseStartsIt = async (folder: string): Promise<void> => {
  for (let waited = 0; !existsSync(join(folder, 'ready')); waited += 100) {
    if (waited > 60_000) throw new Error(`the PostgreSQL cluster in ${folder} did not start; see its log`);
    await sleep(100);
  }
};

const startCluster = (folder: string): void => {
  const { uid, gid, prefix } = userOfCluster();
  chownSync(folder, uid, gid);
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  const run = (tool: string, args: string[]): void => {
    const [command = '', ...rest] = [...prefix, join(tools, tool), ...args];
    const env = { ...process.env, LC_ALL: 'C' };
    execFileSync(command, rest, { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'], env });
  };
  const locale = ['-E', 'UTF8', '--locale=C.UTF-8', '--locale-provider=icu', '--icu-locale=en-US'];
  run('initdb', ['-D', data, '-U', 'drover', '--auth=trust', '--no-sync', ...locale]);
  watch(folder, [...prefix, join(tools, 'pg_ctl'), '-D', data, '-w', '-m', 'immediate', 'stop']);
  const options = `-k ${folder} -c listen_addresses='' -c max_connections=200 -c synchronous_commit=off -c fsync=off`;
  run('pg_ctl', ['-D', data, '-w', '-l', join(folder, 'log'), '-o', options, 'start']);
};

/** A process of its own that outlives vitest by a second at most. */
const watch = (folder: string, stop: string[]): void => {
  const script = 'run=$1 folder=$2; shift 2; while kill -0 "$run"; do sleep 1; done; "$@"; rm -rf "$folder"';
  const args = ['-c', script, 'watch', String(process.ppid), folder, ...stop];
  spawn('sh', args, { cwd: '/', detached: true, stdio: 'ignore' }).unref();
};
