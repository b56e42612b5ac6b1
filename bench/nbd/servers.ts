import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { memoryOptions } from '../../packages/server/src/supervisor/memory.js';
import { cpuMeter, type CpuMeter } from '../tftp/cpu-meter.js';
import { unpackNbdkit } from './peers.js';

const runFile = promisify(execFile);

/** A server that gives each client a disk of its own over a raw image, pinned to a core. */
export interface DiskServer {
  readonly name: string;
  /** Makes fresh disks and serves them; resolves with a URI for each, when all of them answer. */
  make(count: number, image: string): Promise<readonly string[]>;
  /** CPU time so far, with that of all processes that serve. */
  cpuSeconds(): number;
  /** Ends what serves the disks and removes them. */
  drop(): Promise<void>;
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly core: number;
  /** Empty, and the server's own. */
  readonly folder: string;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');
  return port;
}

const pinned = ({ core }: ServerOptions, meter: CpuMeter, command: readonly string[]): [string, ...string[]] => [
  ...(meter.prefix as readonly []),
  ...(['taskset', '-c', String(core)] as [string, ...string[]]),
  ...command,
];

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
}

/** Waits until the disk is served. */
async function untilServed(uri: string): Promise<void> {
  for (let tries = 0; ; tries += 1) {
    try {
      await runFile('nbdinfo', ['--size', uri]);
      return;
    } catch (error) {
      if (tries > 100) throw new Error(`${uri} is not served`, { cause: error });
      await sleep(50);
    }
  }
}

/** One process for all disks, which lives as long as the benchmark: servers run for months. */
export async function startDrover(options: ServerOptions): Promise<DiskServer> {
  const meter = cpuMeter(`nbd-drover-${process.hrtime.bigint()}`);
  const port = await freePort();
  const main = fileURLToPath(new URL('./server.ts', import.meta.url));
  const node = [process.execPath, ...memoryOptions, '--conditions=drover-source', '--import', 'tsx'];
  const command = [...node, main, String(port), options.folder];
  const [program, ...args] = pinned(options, meter, command);
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const ask = async (line: string): Promise<void> => {
    child.stdin.write(`${line}\n`);
    if ((await lines.next()).value !== 'done') throw new Error('the server has ended');
  };
  return {
    name: 'Drover',
    make: async (count, image) => {
      await ask(`make ${count} ${image}`);
      return Array.from({ length: count }, (_, each) => `nbd://127.0.0.1:${port}/${each}`);
    },
    cpuSeconds: () => meter.seconds(child.pid ?? 0),
    drop: () => ask('drop'),
    stop: async () => {
      await end(child);
      meter.remove();
    },
  };
}

interface PeerDisk {
  readonly command: readonly string[];
  readonly uri: string;
}

/** A peer serves one disk with one process: the CPU time of all of them counts. */
function createPeer(
  name: string,
  options: ServerOptions,
  begin: (disk: string, image: string, port: number) => Promise<PeerDisk>,
): DiskServer {
  const meter = cpuMeter(`nbd-${name}-${process.hrtime.bigint()}`);
  let children: ChildProcess[] = [];
  /** Another program may have taken the port before the server did: then it ends, and another port is tried. */
  const serve = async (each: number, image: string): Promise<string> => {
    for (let tries = 0; tries < 10; tries += 1) {
      const { command, uri } = await begin(join(options.folder, `${each}.qcow2`), image, await freePort());
      const [program, ...args] = pinned(options, meter, command);
      const env = { ...process.env, TMPDIR: options.folder };
      const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'], env });
      const ended = once(child, 'exit').then(() => true);
      if (await Promise.race([ended, untilServed(uri).then(() => sleep(20, false))])) continue;
      children.push(child);
      return uri;
    }
    throw new Error(`${name} ends as soon as it is started`);
  };
  const drop = async (): Promise<void> => {
    await Promise.all(children.map(end));
    children = [];
    rmSync(options.folder, { recursive: true, force: true });
  };
  return {
    name,
    make: async (count, image) => {
      await drop();
      mkdirSync(options.folder);
      const uris: string[] = [];
      for (let each = 0; each < count; each += 1) uris.push(await serve(each, image));
      return uris;
    },
    cpuSeconds: () => (children.length === 0 ? 0 : meter.seconds(children[0]?.pid ?? 0)),
    drop,
    stop: async () => {
      await drop();
      // The group is empty a moment after its processes.
      await sleep(200);
      meter.remove();
    },
  };
}

/** qemu-nbd as it is: cache writeback, I/O on threads. One connection for the load, and those that look. */
export const startQemuNbd = async (options: ServerOptions): Promise<DiskServer> =>
  createPeer('qemu-nbd', options, async (disk, image, port) => {
    await runFile('qemu-img', ['create', '-q', '-f', 'qcow2', '-b', image, '-F', 'raw', disk]);
    const where = ['-b', '127.0.0.1', '-p', String(port)];
    return {
      command: ['qemu-nbd', '-t', '-e', '16', ...where, '-f', 'qcow2', disk],
      uri: `nbd://127.0.0.1:${port}/`,
    };
  });

/** nbdkit with its cow filter over the file plugin; the overlay is a temporary file of its own. */
export async function startNbdkit(options: ServerOptions): Promise<DiskServer> {
  const { program, cow, file } = await unpackNbdkit();
  return createPeer('nbdkit cow', options, async (_, image, port) => ({
    command: [program, '-f', '-i', '127.0.0.1', '-p', String(port), `--filter=${cow}`, file, `file=${image}`],
    uri: `nbd://127.0.0.1:${port}/`,
  }));
}
