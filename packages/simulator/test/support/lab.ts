/** Network namespaces, dnsmasq and boards as processes, for the interop tests. Needs root; everything made is taken away again. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { BoardStep, FileRequest } from '../../src/types.js';

const run = promisify(execFile);
const drover = fileURLToPath(new URL('./drover.ts', import.meta.url));

export const ip = async (...args: readonly string[]): Promise<void> => {
  await run('ip', [...args]);
};

export interface Service {
  /** What it has written so far. */
  log(): string;
  stop(): Promise<void>;
}

const ended = (child: ChildProcess): Promise<void> =>
  child.exitCode !== null || child.signalCode !== null
    ? Promise.resolve()
    : new Promise((resolve) => child.once('close', () => resolve()));

/** Starts a program in a namespace and waits for a word in its output. */
export const startService = async (namespace: string, command: readonly string[], ready: RegExp): Promise<Service> => {
  const child = spawn('ip', ['netns', 'exec', namespace, ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  const isReady = new Promise<void>((resolve, reject) => {
    const take = (chunk: Buffer): void => {
      log += chunk.toString();
      if (ready.test(log)) resolve();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.once('error', reject);
    child.once('close', () => reject(new Error(`${command.join(' ')} ended:\n${log}`)));
  });
  await isReady;
  return {
    log: () => log,
    stop: async () => {
      child.kill('SIGTERM');
      await ended(child);
    },
  };
};

const dnsmasqBase = [
  'dnsmasq',
  '--conf-file=/dev/null',
  '--keep-in-foreground',
  '--port=0',
  '--log-dhcp',
  '--log-facility=-',
  '--pid-file=',
  '--user=root',
  '--leasefile-ro',
  '--no-ping',
  '--bind-interfaces',
];

/** dnsmasq with these arguments on one interface. */
export const startDnsmasq = (namespace: string, device: string, args: readonly string[]): Promise<Service> =>
  startService(namespace, [...dnsmasqBase, `--interface=${device}`, ...args], /DHCP.* (subnet|range) /);

/** A proxy DHCP and TFTP server, as the vendor's tutorial sets one up. */
export const proxyArguments = (subnet: string, folder: string | undefined, menu = 'Raspberry Pi Boot   '): string[] => [
  `--dhcp-range=${subnet},proxy`,
  `--pxe-service=0,${menu}`,
  ...(folder === undefined ? [] : ['--enable-tftp', `--tftp-root=${folder}`, '--tftp-max=500']),
];

/** Namespaces with a random tail, so that runs side by side do not meet. */
export interface Lab {
  readonly folder: string;
  /** A namespace with loopback up. */
  namespace(name: string): Promise<string>;
  /** Namespaces on one switch, each with an interface eth0 and, if given, an address. */
  segment(members: Readonly<Record<string, string | undefined>>): Promise<Record<string, string>>;
  /** Ends with the lab. */
  keep(service: Service): Service;
  close(): Promise<void>;
}

export const createLab = async (): Promise<Lab> => {
  const folder = await mkdtemp(join(tmpdir(), 'drv-sim-'));
  const tail = folder.slice(-4).toLowerCase();
  const namespaces: string[] = [];
  const services: Service[] = [];
  const namespace = async (name: string): Promise<string> => {
    const full = `drv-sim-${name}-${tail}`;
    await ip('netns', 'add', full);
    namespaces.push(full);
    await ip('-n', full, 'link', 'set', 'lo', 'up');
    return full;
  };
  return {
    folder,
    namespace,
    segment: async (members) => {
      const hub = await namespace('hub');
      await ip('-n', hub, 'link', 'add', 'br0', 'type', 'bridge');
      await ip('-n', hub, 'link', 'set', 'br0', 'up');
      const made: Record<string, string> = {};
      for (const [name, address] of Object.entries(members)) {
        const full = await namespace(name);
        await ip('-n', hub, 'link', 'add', name, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', full);
        await ip('-n', hub, 'link', 'set', name, 'master', 'br0', 'up');
        await ip('-n', full, 'link', 'set', 'eth0', 'up');
        if (address !== undefined) await ip('-n', full, 'address', 'add', address, 'dev', 'eth0');
        made[name] = full;
      }
      return made;
    },
    keep: (service) => {
      services.push(service);
      return service;
    },
    close: async () => {
      for (const service of services) await service.stop();
      for (const name of namespaces) await ip('netns', 'del', name);
      await rm(folder, { recursive: true, force: true });
    },
  };
};

export interface BoardRun {
  readonly code: number;
  readonly steps: readonly BoardStep[];
  readonly files: readonly FileRequest[];
  readonly output: string;
  readonly ms: number;
}

/** `drover simulate` in a namespace, up to the kernel or with a guest. `killAt`: it is killed when it says that. */
export const runSimulator = async (namespace: string, args: readonly string[], killAt?: string): Promise<BoardRun> => {
  const started = performance.now();
  const command = [
    'netns',
    'exec',
    namespace,
    process.execPath,
    '--import',
    'tsx',
    '--conditions=drover-source',
    ...[drover, 'simulate', '--json'],
    ...(args.includes('--qemu') ? [] : ['--os', 'none']),
    ...args,
  ];
  const child = spawn('ip', command, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (killAt !== undefined && output.includes(killAt)) child.kill('SIGKILL');
  });
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await ended(child);
  const lines = output.split('\n').filter((line) => line !== '');
  const steps = lines.map((line) => JSON.parse(line) as BoardStep);
  if (child.exitCode === 2 || lines.length === 0) throw new Error(`drover simulate did not start: ${errors}`);
  return {
    code: child.exitCode ?? -1,
    steps,
    files: steps.flatMap((step) => (step.type === 'file' ? [step.request] : [])),
    output: output + errors,
    ms: performance.now() - started,
  };
};

/** The one step of this type; a test that needs it fails without it. */
export const stepOf = <Type extends BoardStep['type']>(
  board: BoardRun,
  type: Type,
): Extract<BoardStep, { type: Type }> => {
  const found = board.steps.find((step) => step.type === type);
  if (found === undefined) throw new Error(`no step ${type} in\n${board.output}`);
  return found as Extract<BoardStep, { type: Type }>;
};
