import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { pairedRow, type Benchmark, type Row, type Say } from '../row.js';
import { differingBlocks } from './content.js';
import { runLoad, verifyLoad, type Load } from './fio.js';
import { startDrover, startNbdkit, startQemuNbd, type DiskServer } from './servers.js';

const serverCore = 0;
const clientCore = 1;
/** Fewer for the peer no limit is set for. */
const rounds: Readonly<Record<string, number>> = { Drover: 4, 'qemu-nbd': 4, 'nbdkit cow': 2 };
/** Rounds before them that do not count: servers run for months, with a warm page cache, and the compiler of ours has seen everything. */
const warmUps: Readonly<Record<string, number>> = { Drover: 4, 'qemu-nbd': 1, 'nbdkit cow': 1 };
/** CPU per MB at most so many times that of a peer, by the issue. */
const limits: Readonly<Record<string, number>> = { 'qemu-nbd': 1.5 };

const mib = 1 << 20;
/** What one client has below its disk: more than the server keeps of images in memory. Thirty-two have what is read often. */
const imageBytes = { 1: 320 * mib, 32: 16 * mib } as const;
type Clients = keyof typeof imageBytes;

interface Case {
  readonly what: string;
  readonly rw: Load['rw'];
  /** Bytes that all clients move together. */
  readonly bytes: number;
  /** Bytes of the disks, together, that are written before. Only they are used. */
  readonly written?: number;
}

/** Requests of 128 KiB as the kernel's read-ahead makes them, and of 4 KiB. */
const cases: readonly Case[] = [
  { what: 'sequential read of the image', rw: 'read', bytes: 320 * mib },
  { what: 'random read of the image', rw: 'randread', bytes: 64 * mib },
  { what: 'sequential read of own data', rw: 'read', bytes: 256 * mib, written: 64 * mib },
  { what: 'random read of own data', rw: 'randread', bytes: 64 * mib, written: 64 * mib },
  { what: 'sequential write', rw: 'write', bytes: 128 * mib },
  { what: 'random write', rw: 'randwrite', bytes: 48 * mib },
  { what: 'random write over own data', rw: 'randwrite', bytes: 64 * mib, written: 64 * mib },
];

interface Measured {
  readonly cpuMsPerMb: number;
  readonly usPerRequest: number;
  readonly problem: string | undefined;
}

function loadOf(each: Case, clients: Clients, seed: number): Load {
  const isRandom = each.rw.startsWith('rand');
  return {
    rw: each.rw,
    block: isRandom ? 4096 : 128 << 10,
    depth: clients === 1 ? 16 : 4,
    span: each.written === undefined ? imageBytes[clients] : each.written / clients,
    bytes: each.bytes / clients,
    seed,
  };
}

/** Disks that are compared as a whole, of those whose writes fio has read back. */
const compared = 4;

/** Why the disks are not what they must be after the run. */
async function problemOf(
  written: readonly Load[],
  blocks: number,
  uris: readonly string[],
  image: string,
): Promise<string | undefined> {
  const last = written.at(-1);
  const unreadable = last === undefined ? undefined : await verifyLoad(clientCore, last, uris);
  if (unreadable !== undefined) return unreadable;
  for (const uri of uris.slice(0, compared)) {
    const found = await differingBlocks(uri, image);
    if (found !== blocks) return `${found} blocks are not as in the image, but ${blocks} should be`;
  }
  return undefined;
}

async function measure(
  server: DiskServer,
  each: Case,
  clients: Clients,
  image: string,
  seed: number,
): Promise<Measured> {
  const load = loadOf(each, clients, seed);
  const uris = await server.make(clients, image);
  const written: Load[] = [];
  if (each.written !== undefined) {
    const before: Load = { ...load, rw: 'write', block: 128 << 10, bytes: load.span };
    await runLoad(clientCore, before, uris);
    written.push(before);
  }
  const cpuBefore = server.cpuSeconds();
  const result = await runLoad(clientCore, load, uris);
  const cpu = server.cpuSeconds() - cpuBefore;
  if (load.rw.endsWith('write')) written.push(load);
  const bytes = Math.max(0, ...written.map((one) => one.bytes));
  const problem = result.problem ?? (await problemOf(written, bytes / 4096, uris, image));
  await server.drop();
  return {
    cpuMsPerMb: (cpu * 1000) / (result.bytes / 1e6),
    usPerRequest: (result.seconds * 1e6) / result.requests,
    problem,
  };
}

/** All servers in turn, round after round, so that what else the machine does falls on all alike. */
async function measureCase(
  each: Case,
  clients: Clients,
  servers: readonly DiskServer[],
  image: string,
  say: Say,
): Promise<Row[]> {
  const what = `${each.what}, ${clients} client${clients === 1 ? '' : 's'}`;
  const measured = new Map(servers.map(({ name }) => [name, [] as Measured[]]));
  for (let round = 1 - Math.max(...Object.values(warmUps)); round <= Math.max(...Object.values(rounds)); round += 1) {
    for (const server of servers) {
      if (round > (rounds[server.name] ?? 0) || round <= -(warmUps[server.name] ?? 0)) continue;
      const result = await measure(server, each, clients, image, round);
      const { cpuMsPerMb, usPerRequest, problem } = result;
      const invalid = problem === undefined ? '' : `, invalid: ${problem}`;
      say(
        `${what}, round ${round}, ${server.name}: ${cpuMsPerMb.toFixed(2)} ms/MB, ${(1e6 / usPerRequest).toFixed(0)} IOPS${invalid}`,
      );
      if (round > 0 || problem !== undefined) measured.get(server.name)?.push(result);
    }
  }
  return rowsOf(what, servers, measured);
}

function rowsOf(what: string, [drover, ...peers]: readonly DiskServer[], measured: Map<string, Measured[]>): Row[] {
  const ours = measured.get(drover?.name ?? '') ?? [];
  const rows = (metric: string, value: (of: Measured) => number, most: typeof limits): Row[] =>
    peers.map(({ name }) => {
      const theirs = measured.get(name) ?? [];
      const valid = [...ours, ...theirs].every(({ problem }) => problem === undefined);
      const limit = most[name];
      const row = { case: what, metric, peer: name, valid, ...(limit === undefined ? {} : { limit }) };
      const pairs = ours.slice(0, theirs.length);
      return pairedRow(row, pairs.map(value), theirs.map(value));
    });
  return [
    ...rows('server CPU ms/MB', ({ cpuMsPerMb }) => cpuMsPerMb, limits),
    ...rows('wall µs/request (1e6/IOPS)', ({ usPerRequest }) => usPerRequest, {}),
  ];
}

/**
 * A disk for each client over one image: Drover's listener with disks of its pool beside qemu-nbd (qcow2) and nbdkit (cow), a process for each disk, as
 * they are used. The peers' CPU time is that of all their processes.
 */
export const nbdBenchmark: Benchmark = async (say) => {
  // Not in /tmp, which may be memory: what is measured ends with a flush.
  const folder = mkdtempSync('/var/tmp/drover-bench-nbd-');
  const servers: DiskServer[] = [];
  try {
    const images = { 1: join(folder, '1.img'), 32: join(folder, '32.img') };
    for (const clients of [1, 32] as const) {
      const args = [String(imageBytes[clients]), images[clients]];
      execFileSync('sh', ['-c', 'head -c "$0" /dev/urandom >"$1"', ...args]);
    }
    mkdirSync(join(folder, 'drover'));
    servers.push(await startDrover({ core: serverCore, folder: join(folder, 'drover') }));
    servers.push(await startQemuNbd({ core: serverCore, folder: join(folder, 'qemu') }));
    servers.push(await startNbdkit({ core: serverCore, folder: join(folder, 'nbdkit') }));
    const rows: Row[] = [];
    for (const clients of [1, 32] as const) {
      for (const each of cases) rows.push(...(await measureCase(each, clients, servers, images[clients], say)));
    }
    return rows;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
};
