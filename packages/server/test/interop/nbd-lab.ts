import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { DiskExport, DiskOpenRequest, ExportDirectory } from '../../src/app/disks/ports.js';
import {
  createNbdListener,
  defaultNbdSettings,
  systemTimers,
  type NbdClosedEvent,
  type NbdListener,
  type NbdListenerDeps,
  type NbdOpenedEvent,
  type NbdSettings,
} from '../../src/listeners/nbd/index.js';

export interface LoggedLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

export interface NbdLab {
  readonly port: number;
  readonly listener: NbdListener;
  readonly opened: NbdOpenedEvent[];
  readonly closed: NbdClosedEvent[];
  readonly log: LoggedLine[];
  /** What was asked of the directory. */
  readonly requests: DiskOpenRequest[];
  uri(name: string): string;
  stop(): Promise<void>;
}

/** Our NBD server on a free loopback port, with these disks by name. */
export async function startNbd(
  disks: Readonly<Record<string, DiskExport>>,
  change: Partial<NbdSettings> = {},
  deps: Partial<NbdListenerDeps> = {},
): Promise<NbdLab> {
  const opened: NbdOpenedEvent[] = [];
  const closed: NbdClosedEvent[] = [];
  const log: LoggedLine[] = [];
  const requests: DiskOpenRequest[] = [];
  const write = (level: LoggedLine['level']) => (fields: Record<string, unknown>, message: string) =>
    void log.push({ level, fields, message });
  const exports: ExportDirectory = {
    open: async (request) => {
      requests.push(request);
      const disk = disks[request.name];
      return disk ? { ok: true, export: disk } : { ok: false, reason: 'unknown', message: 'there is no such export' };
    },
    list: async () => Object.keys(disks).map((name) => ({ name })),
  };
  const listener = createNbdListener({
    settings: { ...defaultNbdSettings, listen: [{ host: '127.0.0.1', port: 0 }], ...change },
    exports,
    timers: systemTimers,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    onOpened: (event) => opened.push(event),
    onClosed: (event) => closed.push(event),
    ...deps,
  });
  await listener.start(new AbortController().signal);
  const { port } = listener.addresses()[0]!;
  return {
    ...{ port, listener, opened, closed, log, requests },
    uri: (name) => `nbd://127.0.0.1:${port}/${name}`,
    stop: () => listener.stop(),
  };
}

export interface Ran {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

const runFile = promisify(execFile);
/** Debian's own Python has libnbd; another that comes first in the path has not. */
const env = { ...process.env, PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

/** Runs a program to its end, whatever that is. */
export async function run(program: string, ...args: string[]): Promise<Ran> {
  try {
    return { code: 0, ...(await runFile(program, args, { env, timeout: 110_000, maxBuffer: 64 << 20 })) };
  } catch (error) {
    const { code, stdout = '', stderr = '' } = error as { code?: unknown; stdout?: string; stderr?: string };
    return { code: typeof code === 'number' ? code : -1, stdout, stderr: stderr || String(error) };
  }
}

/** Runs a program that has to succeed; resolves with what it printed. */
export async function runWell(program: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, ...args);
  if (code !== 0) throw new Error(`${program} ${args.join(' ')}: exit code ${code}\n${stdout}${stderr}`);
  return stdout;
}

/** Runs nbdsh with a Python script that prints one JSON value. */
export async function nbdsh<T>(script: string): Promise<T> {
  return JSON.parse(await runWell('nbdsh', '-c', script)) as T;
}

/** A folder that is gone when the test is. */
export async function inFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'drover-nbd-'));
  try {
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
