import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync, chmodSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pairedRow, type Benchmark, type Row, type Say } from '../row.js';
import { buildLoadClient, invalid, runLoad, type Load, type LoadResult } from './load.js';
import { host, startServers, type Server } from './servers.js';

const serverCore = 0;
const clientCore = 1;
/** Fewer for the peers no limit is set for, that take ten times as long. */
const rounds: Readonly<Record<string, number>> = { Drover: 5, dnsmasq: 5, 'tftpd-hpa': 3, atftpd: 3 };
const fileBytes = 3_000_000;
/** Sending alone costs more; a figure below it was not measured but lost. */
const leastCpuMsPerMb = 0.5;
/** What Raspberry Pi firmware asks for. */
const shape = { blksize: 1468, windowsize: 1 };

interface Case {
  readonly clients: number;
  readonly downloads: number;
  /** CPU per MB at most so many times that of a peer, by the issue. */
  readonly limits: Readonly<Record<string, number>>;
}

const cases: readonly Case[] = [
  { clients: 1, downloads: 8, limits: {} },
  { clients: 16, downloads: 32, limits: {} },
  { clients: 200, downloads: 200, limits: { dnsmasq: 3 } },
];

interface Measured {
  readonly cpuMsPerMb: number;
  readonly seconds: number;
  readonly problem: string | undefined;
}

/** A starved machine can make a client repeat itself: a run that proves nothing is tried again before it counts. */
async function measure(program: string, server: Server, load: Load, say: Say): Promise<Measured> {
  for (let tries = 1; ; tries += 1) {
    const measured = await measureOnce(program, server, load);
    if (measured.problem === undefined || tries === 3) return measured;
    say(`${server.name}: ${measured.problem}; once more`);
  }
}

async function measureOnce(program: string, server: Server, load: Load): Promise<Measured> {
  const before = server.cpuSeconds();
  const result: LoadResult = await runLoad(program, clientCore, load);
  // Forking servers count a child's time when it has ended.
  await sleep(300);
  const cpuMs = (server.cpuSeconds() - before) * 1000;
  const cpuMsPerMb = cpuMs / (result.bytes / 1e6);
  const lost = cpuMsPerMb < leastCpuMsPerMb ? 'its CPU time could not be measured' : undefined;
  return { cpuMsPerMb, seconds: result.seconds, problem: invalid(load, result) ?? lost };
}

/** All servers in turn, round after round, so that what else the machine does falls on all alike. */
async function measureCase(
  each: Case,
  servers: readonly Server[],
  program: string,
  file: string,
  say: Say,
): Promise<Row[]> {
  const what = `3 MB, 1468 B blocks, ${each.clients} client${each.clients === 1 ? '' : 's'}`;
  const measured = new Map(servers.map(({ name }) => [name, [] as Measured[]]));
  for (let round = 1; round <= Math.max(...Object.values(rounds)); round += 1) {
    for (const server of servers) {
      if (round > (rounds[server.name] ?? 0)) continue;
      const load = {
        host,
        port: server.port,
        name: 'f',
        file,
        downloads: each.downloads,
        atOnce: each.clients,
        ...shape,
      };
      const result = await measure(program, server, load, say);
      measured.get(server.name)!.push(result);
      const problem = result.problem === undefined ? '' : `, invalid: ${result.problem}`;
      say(
        `${what}, round ${round}, ${server.name}: ${result.cpuMsPerMb.toFixed(2)} ms/MB, ${result.seconds} s${problem}`,
      );
    }
  }
  const [drover, ...peers] = servers;
  const ours = measured.get(drover!.name)!;
  const rows = (metric: string, value: (of: Measured) => number, limits: Case['limits']): Row[] =>
    peers.map(({ name }) => {
      const theirs = measured.get(name)!;
      const valid = [...ours, ...theirs].every(({ problem }) => problem === undefined);
      const limit = limits[name];
      const row = { case: what, metric, peer: name, valid, ...(limit === undefined ? {} : { limit }) };
      return pairedRow(row, ours.map(value), theirs.map(value));
    });
  return [
    ...rows('server CPU ms/MB', ({ cpuMsPerMb }) => cpuMsPerMb, each.limits),
    ...rows('wall s', ({ seconds }) => seconds, {}),
  ];
}

/** `3 MB to 1, 16 and 200 clients`: Drover's listener on plain Node beside dnsmasq, tftpd-hpa and atftpd. */
export const tftpBenchmark: Benchmark = async (say) => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-tftp-'));
  let servers: Server[] = [];
  try {
    // Servers that give up root must still be able to read it.
    chmodSync(folder, 0o755);
    const file = join(folder, 'f');
    writeFileSync(file, randomFillSync(Buffer.alloc(fileBytes)));
    const program = await buildLoadClient(folder);
    servers = await startServers({ core: serverCore, root: folder });
    // Servers run for months: neither a cold page cache nor a cold compiler is what is compared.
    for (const { port } of servers) {
      await runLoad(program, clientCore, { host, port, name: 'f', file, downloads: 32, atOnce: 16, ...shape });
    }
    const rows: Row[] = [];
    for (const each of cases) rows.push(...(await measureCase(each, servers, program, file, say)));
    return rows;
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
    rmSync(folder, { recursive: true, force: true });
  }
};
