import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };

/** Runs a system program that has to succeed; returns what it printed. */
export const tool = (program: string, ...args: string[]): string =>
  execFileSync(program, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

/** Starts a system program that ends with this process. */
export const tiedTool = (program: string, ...args: string[]): ChildProcess =>
  spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], { env, stdio: ['ignore', 'inherit', 'inherit'] });

/** Runs a script of this folder where nobody else sees what it mounts. Returns what it printed. */
export const unseen = (script: string, settings: object): string =>
  tool(
    'unshare',
    ...['--mount', '--propagation', 'private', process.execPath, '--conditions=drover-source', '--import', 'tsx'],
    ...[fileURLToPath(new URL(script, import.meta.url)), JSON.stringify(settings)],
  );
