import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, openAsBlob, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inputs } from '../../e2e/inputs/index.js';
import { cpuSeconds } from '../cpu.js';
import { pairedRow, type Benchmark, type Row, type Say } from '../row.js';
import { startBenchServer, type BenchServer } from '../server.js';

const fileBytes = 200 * 2 ** 20;
const rangeBytes = 20 * 2 ** 20;
const rounds = 5;
/** CPU per GB at most this many times nginx's, by the issue. */
const limit = 6;
const prefix = 'be9c0001';
const serverCore = 0;
const clientCore = 1;

interface Peer {
  readonly pid: number;
  readonly url: string;
  stop(): Promise<void>;
}

/** nginx as its manual recommends for large static files. */
async function startNginx(folder: string): Promise<Peer> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  const config = join(folder, 'nginx.conf');
  const lines = [
    ...['daemon off;', 'worker_processes 1;', `pid ${folder}/nginx.pid;`, 'error_log stderr warn;', 'user root;'],
    'events { worker_connections 1024; }',
    `http { sendfile on; tcp_nopush on; access_log off; server { listen 127.0.0.1:${port}; root ${folder}/www; } }`,
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const nginx = spawn('taskset', ['-c', String(serverCore), 'nginx', '-p', folder, '-c', config], { stdio: 'inherit' });
  const url = `http://127.0.0.1:${port}/big.bin`;
  for (let tries = 0; (await fetch(url, { method: 'HEAD' }).catch(() => undefined))?.ok !== true; tries += 1) {
    if (tries > 50) throw new Error('nginx does not start');
    await sleep(100);
  }
  return {
    url,
    pid: nginx.pid ?? 0,
    async stop() {
      nginx.kill('SIGTERM');
      await once(nginx, 'exit');
    },
  };
}

/** Makes Drover serve the file as one of a real image's boot files to a provisioned device. */
async function serveFromDrover(server: BenchServer, folder: string): Promise<string> {
  const { client } = server;
  const { bootDir, rootDir } = await inputs.fast();
  execFileSync('tar', ['-C', bootDir, '-cf', join(folder, 'boot.tar'), '.', '-C', join(folder, 'www'), 'big.bin']);
  execFileSync('tar', ['-C', rootDir, '--numeric-owner', '-cf', join(folder, 'root.tar'), '.']);
  const upload = async (name: string) =>
    (await client.upload(await openAsBlob(join(folder, name)), { filename: name })).id;
  const source = { kind: 'tars' as const, boot: await upload('boot.tar'), root: await upload('root.tar') };
  const image = await client.call('createImage', { body: { name: 'bench', version: '1', source } });
  const job = await client.waitForJob(image.job ?? '');
  if (job.state !== 'succeeded') throw new Error(`the image is not usable: ${job.error?.detail ?? job.state}`);
  await client.call('createDevice', { body: { name: 'bench', bootPrefix: prefix, model: 'pi4' } });
  await client.call('provision', { body: { image: 'bench:1', device: 'bench' } });
  const url = `${server.bootUrl}/netboot/${prefix}/big.bin`;
  for (let tries = 0; (await fetch(url, { method: 'HEAD' })).status !== 200; tries += 1) {
    if (tries > 600) throw new Error('the device does not become ready');
    await sleep(200);
  }
  return url;
}

/** Runs curl on a core of its own; returns the server's CPU seconds and the wall seconds. */
async function load(pid: number, args: readonly string[]): Promise<{ cpu: number; wall: number }> {
  const before = cpuSeconds(pid);
  const started = process.hrtime.bigint();
  const curl = spawn('taskset', ['-c', String(clientCore), 'curl', '-sSf', ...args], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(curl, 'exit')) as [number];
  if (code !== 0) throw new Error(`curl ended with ${code}`);
  return { wall: Number(process.hrtime.bigint() - started) / 1e9, cpu: cpuSeconds(pid) - before };
}

const repeats = 5;
const cases = [
  {
    name: '200 MB file, 1 client',
    bytes: repeats * fileBytes,
    args: (url: string) => Array.from({ length: repeats }, () => [url, '-o', '/dev/null']).flat(),
  },
  {
    name: '20 MB ranges, 50 clients',
    bytes: 50 * rangeBytes,
    args: (url: string) => {
      const ranges = Array.from({ length: 50 }, (_, client) => ((client * 7) % 10) * rangeBytes);
      const transfers = ranges.map((start) => ['-r', `${start}-${start + rangeBytes - 1}`, url, '-o', '/dev/null']);
      return [
        '-Z',
        '--parallel-max',
        '50',
        ...transfers.flatMap((transfer, index) => (index === 0 ? transfer : ['--next', '-sSf', ...transfer])),
      ];
    },
  },
];

const digestOf = async (url: string, range: string): Promise<string> => {
  const answer = await fetch(url, { headers: { range } });
  return `${answer.status} ${createHash('sha256')
    .update(new Uint8Array(await answer.arrayBuffer()))
    .digest('hex')}`;
};

async function compare(say: Say, server: BenchServer, drover: string, nginx: Peer): Promise<Row[]> {
  const rows: Row[] = [];
  const same = (
    await Promise.all(
      ['bytes=0-1048575', 'bytes=104857600-125829119'].map(
        async (range) => (await digestOf(drover, range)) === (await digestOf(nginx.url, range)),
      ),
    )
  ).every(Boolean);
  for (const { name, bytes, args } of cases) {
    const ours: { cpu: number; wall: number }[] = [];
    const theirs: { cpu: number; wall: number }[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      const peer = await load(nginx.pid, args(nginx.url));
      const own = await load(server.pid, args(drover));
      say(`${name}: Drover ${own.cpu.toFixed(2)} s CPU, nginx ${peer.cpu.toFixed(2)} s CPU`);
      if (round === 0) continue;
      ours.push(own);
      theirs.push(peer);
    }
    const gigabytes = bytes / 1e9;
    const what = { case: name, peer: 'nginx sendfile', valid: same };
    const per = (list: { cpu: number; wall: number }[], field: 'cpu' | 'wall') =>
      list.map((one) => one[field] / gigabytes);
    rows.push(pairedRow({ ...what, metric: 'server CPU s/GB', limit }, per(ours, 'cpu'), per(theirs, 'cpu')));
    rows.push(pairedRow({ ...what, metric: 'wall s/GB' }, per(ours, 'wall'), per(theirs, 'wall')));
  }
  return rows;
}

export const httpBenchmark: Benchmark = async (say) => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-http-'));
  mkdirSync(join(folder, 'www'));
  execFileSync('sh', ['-c', 'head -c "$1" /dev/urandom >"$2"', 'sh', String(fileBytes), join(folder, 'www/big.bin')]);
  const server = await startBenchServer({ cpu: serverCore });
  const nginx = await startNginx(folder);
  try {
    return await compare(say, server, await serveFromDrover(server, folder), nginx);
  } finally {
    await nginx.stop();
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};
