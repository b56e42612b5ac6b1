import { readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createClient, type Client } from '@drover/sdk';
import { exitOf, startServer, until, type TestServer } from '../server.js';

/** What a kill takes: one plane, the supervisor alone, or everything at once. */
export const victims = ['control', 'boot', 'supervisor', 'everything'] as const;
export type Victim = (typeof victims)[number];

/** A kill that only has to be fired. */
export interface ArmedKill {
  /** SIGKILL, at once. */
  fire(): void;
  /** Waits until everything serves again: a plane by the supervisor's doing, the rest by a fresh start in the same folder. */
  recovered(): Promise<void>;
}

/** A server that is killed and lives on in one data folder. */
export interface House {
  readonly dataDir: string;
  /** Tries again for about ten seconds what may be repeated. */
  readonly client: Client;
  /** Tries once, so that a caller knows what was acknowledged. */
  readonly once: Client;
  /** Bytes to the API with the admin's key, as no SDK sends them. */
  request(path: string, init: RequestInit): Promise<Response>;
  arm(victim: Victim): Promise<ArmedKill>;
  /** Programs that work in the data folder and are no part of the running server. */
  readonly strays: () => Promise<string[]>;
  /** The end of the log, without single requests. */
  log(): string;
  /** Orderly; gives the exit code. */
  stop(): Promise<number | null>;
  start(): Promise<void>;
}

const patienceMs = 120_000;

export const parentsOf = async (): Promise<Map<number, number>> => {
  const parents = new Map<number, number>();
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const text = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '');
    const parent = /^.*\) \S (\d+) /s.exec(text)?.[1];
    if (parent !== undefined) parents.set(Number(name), Number(parent));
  }
  return parents;
};

const isBelow = (parents: ReadonlyMap<number, number>, pid: number, ancestor: number): boolean => {
  for (let at: number | undefined = pid; at !== undefined && at > 1; at = parents.get(at)) {
    if (at === ancestor) return true;
  }
  return false;
};

/** Whether a process names or has open something in the folder. */
const worksIn = async (pid: number, folder: string): Promise<boolean> => {
  const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  if (line.includes(`${folder}/`)) return true;
  for (const name of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
    const target = await readlink(join('/proc', String(pid), 'fd', name)).catch(() => '');
    if (target.startsWith(`${folder}/`)) return true;
  }
  return false;
};

const straysOf = async (folder: string, supervisor: number): Promise<string[]> => {
  const parents = await parentsOf();
  const found: string[] = [];
  for (const pid of parents.keys()) {
    if (pid === process.pid || isBelow(parents, pid, supervisor) || isBelow(parents, process.pid, pid)) continue;
    if (!(await worksIn(pid, folder))) continue;
    const line = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    found.push(`${pid} ${line.replaceAll('\0', ' ').slice(0, 120)}`);
  }
  return found;
};

/** The last lines that are not about a single request. */
const notable = (output: string): string =>
  output
    .split('\n')
    .filter((line) => !line.includes('"msg":"request"'))
    .slice(-15)
    .join('\n');

/** Starts the server in `folder`, which outlives it. */
export const openHouse = async (folder: string, settings: Readonly<Record<string, unknown>>): Promise<House> => {
  let server: TestServer = await startServer({ folder, settings });
  const { url, key, dataDir } = server;
  const client = createClient({ baseUrl: url, key });
  const once = createClient({ baseUrl: url, key, attempts: 1 });

  const start = async (): Promise<void> => {
    server = await startServer({ folder });
  };

  const armPlane = async (plane: 'control' | 'boot'): Promise<ArmedKill> => {
    const pid = await server.pidOf(plane);
    return {
      fire: () => {
        process.kill(pid, 'SIGKILL');
      },
      recovered: async () => {
        await until(
          `the ${plane} plane is another process`,
          async () => (await server.pidOf(plane).catch(() => pid)) !== pid,
          patienceMs,
        );
        await server.ready();
      },
    };
  };

  const armServer = async (withPlanes: boolean): Promise<ArmedKill> => {
    const killed = server;
    const planes = await Promise.all([killed.pidOf('control'), killed.pidOf('boot')]);
    return {
      fire: () => {
        for (const pid of [killed.pid, ...(withPlanes ? planes : [])]) process.kill(pid, 'SIGKILL');
      },
      recovered: async () => {
        await exitOf(killed.process);
        await start();
      },
    };
  };

  return {
    ...{ dataDir, client, once, start },
    request: (path, init) =>
      fetch(`${url}${path}`, { ...init, headers: { authorization: `Bearer ${key}`, ...init.headers } }),
    arm: (victim) =>
      victim === 'control' || victim === 'boot' ? armPlane(victim) : armServer(victim === 'everything'),
    strays: () => straysOf(dataDir, server.pid),
    log: () => notable(server.output()),
    stop: () => server.stop(),
  };
};
