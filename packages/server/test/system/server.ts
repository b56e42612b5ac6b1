import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClient, type Client } from '@drover/sdk';
import { stringify } from 'yaml';

const drover = fileURLToPath(new URL('../../../cli/bin/drover.js', import.meta.url));

export interface StartOptions {
  /** Merged over the loopback settings below, section by section. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** A folder that lives on; made and removed here otherwise. */
  readonly folder?: string;
  readonly args?: readonly string[];
}

export interface Finished {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built server as a process of its own on loopback ports, as `drover serve` starts it. */
export interface TestServer {
  /** Of the API. */
  readonly url: string;
  /** Of the boot plane's HTTP. */
  readonly bootUrl: string;
  readonly tftpPort: number;
  /** The first admin key. */
  readonly key: string;
  readonly client: Client;
  /** Holds the data folder (`data`), the settings file and the home of the command line. */
  readonly folder: string;
  readonly dataDir: string;
  readonly pid: number;
  readonly process: ChildProcess;
  /** Everything it wrote so far, both streams. */
  output(): string;
  pidOf(plane: 'control' | 'boot'): Promise<number>;
  /** Sends a signal to one plane, or to the supervisor. */
  kill(plane: 'control' | 'boot' | 'supervisor', signal: NodeJS.Signals): Promise<void>;
  /** Until /readyz says so. */
  ready(): Promise<void>;
  /** Runs the command line against it. */
  cli(...args: string[]): Promise<Finished>;
  /** Orderly stop with SIGTERM, then removes the folder unless it was given. Gives the exit code. */
  stop(): Promise<number | null>;
}

/** A port nobody listens on at this moment. */
export const freePort = (kind: 'tcp' | 'udp' = 'tcp'): Promise<number> =>
  new Promise((resolve, reject) => {
    if (kind === 'udp') {
      const socket = createSocket('udp4');
      socket.once('error', reject);
      socket.bind(0, '127.0.0.1', () => {
        const { port } = socket.address();
        socket.close(() => resolve(port));
      });
      return;
    }
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });

/** The environment of a process of ours: none of this machine's settings of Drover, and a home of its own. */
export const environmentOf = (home: string, more: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv => ({
  PATH: process.env['PATH'],
  HOME: home,
  NO_COLOR: '1',
  ...more,
});

/** Runs `drover` and waits for its end. */
export const runDrover = (
  args: readonly string[],
  options: { env: NodeJS.ProcessEnv; signal?: AbortSignal; input?: string; cwd?: string },
): Promise<Finished> =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [drover, ...args], { env: options.env, cwd: options.cwd, stdio: 'pipe' });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.stdin.end(options.input ?? '');
    options.signal?.addEventListener('abort', () => child.kill('SIGINT'));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() });
    });
  });

const childrenOf = async (pid: number): Promise<number[]> => {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  return text.trim().split(' ').filter(Boolean).map(Number);
};

const argumentsOf = async (pid: number): Promise<string[]> =>
  (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).split('\0');

/** Waits for something to come true; says what was waited for when it does not. */
export const until = async (
  what: string,
  isTrue: () => Promise<boolean> | boolean,
  timeoutMs = 60_000,
): Promise<void> => {
  const giveUpAt = Date.now() + timeoutMs;
  while (!(await isTrue())) {
    if (Date.now() > giveUpAt) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`);
    await sleep(50);
  }
};

export const exitOf = (child: ChildProcess): Promise<number | null> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve(child.exitCode)
    : new Promise((resolve) => child.once('exit', (code) => resolve(code)));

/** Settings that touch nothing outside loopback and need no right. */
export const loopbackSettings = async (dataDir: string): Promise<Record<string, unknown>> => ({
  dataDir,
  log: { level: 'info' },
  http: { listen: [`127.0.0.1:${await freePort()}`] },
  boot: {
    http: { listen: [`127.0.0.1:${await freePort()}`] },
    interfaces: ['127.0.0.1'],
    dhcp: { mode: 'off' },
    tftp: { port: await freePort('udp') },
    nbd: { listen: [`127.0.0.1:${await freePort()}`] },
  },
});

interface Sections {
  readonly http: { readonly listen: readonly string[] };
  readonly boot: { readonly http: { readonly listen: readonly string[] }; readonly tftp: { readonly port: number } };
}

/** Starts the built server; its settings file stays the same when it is started again in the same folder. */
export const startServer = async (options: StartOptions = {}): Promise<TestServer> => {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'drover-system-')));
  const dataDir = join(folder, 'data');
  const file = join(folder, 'drover.json');
  const known = await readFile(file, 'utf8').catch(() => undefined);
  const settings =
    known === undefined
      ? { ...(await loopbackSettings(dataDir)), ...options.settings }
      : { ...(JSON.parse(known) as Record<string, unknown>), ...options.settings };
  await writeFile(file, JSON.stringify(settings));
  await writeFile(join(folder, 'drover.yaml'), stringify(settings));
  const { http, boot } = settings as unknown as Sections;
  const url = `http://${http.listen[0] ?? ''}`;

  const child = spawn(
    process.execPath,
    [drover, 'serve', '--config', join(folder, 'drover.yaml'), ...(options.args ?? [])],
    {
      env: environmentOf(folder),
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const pid = child.pid ?? 0;

  const ready = (): Promise<void> =>
    until(`${url} is ready:\n${output.slice(-3000)}`, async () => {
      if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}:\n${output.slice(-3000)}`);
      const answer = await fetch(`${url}/readyz`).catch(() => undefined);
      return answer?.status === 200;
    });
  const pidOf: TestServer['pidOf'] = async (plane) => {
    for (const each of await childrenOf(pid)) if ((await argumentsOf(each)).includes(plane)) return each;
    throw new Error(`there is no ${plane} plane below ${pid}`);
  };
  const stop = async (): Promise<number | null> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGTERM');
    const code = await exitOf(child);
    if (options.folder === undefined) await rm(folder, { recursive: true, force: true });
    return code;
  };
  try {
    await ready();
    const key = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
    return {
      url,
      bootUrl: `http://${boot.http.listen[0] ?? ''}`,
      tftpPort: boot.tftp.port,
      key,
      client: createClient({ baseUrl: url, key }),
      folder,
      dataDir,
      pid,
      process: child,
      output: () => output,
      pidOf,
      kill: async (plane, signal) => {
        process.kill(plane === 'supervisor' ? pid : await pidOf(plane), signal);
      },
      ready,
      cli: (...args) => runDrover(args, { env: environmentOf(folder, { DROVER_SERVER: url, DROVER_KEY: key }) }),
      stop,
    };
  } catch (error) {
    child.kill('SIGKILL');
    await stop();
    throw error;
  }
};
