import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { cpuSeconds } from '../cpu.js';
import { pairedRow, type Benchmark, type Row, type Say } from '../row.js';
import { freePort, startBenchServer, type BenchServer } from '../server.js';

const here = fileURLToPath(new URL('.', import.meta.url));
const rounds = 5;
const seconds = 4;
/** CPU per request at most this part of the peer's, by the issue: ten times the requests. */
const limit = 0.1;
const serverCore = 0;
const clientCore = 1;
/** The cards of cards.lua. Lines of one card are kept up to 5,000. */
const cards = 100;
const key = 'a-key-of-cards';
/** As a script of CattlePi posts it. */
const document = {
  initfs: { url: 'http://images/initfs.tgz', md5sum: 'd41d8cd98f00b204e9800998ecf8427e' },
  rootfs: { url: 'http://images/rootfs.sqsh', md5sum: 'd41d8cd98f00b204e9800998ecf8427e' },
  bootcode: '',
  usercode: Buffer.from('echo hello\n'.repeat(50)).toString('base64'),
  config: { ssh: { pi: { authorized_keys: [`ssh-rsa ${'A'.repeat(372)} me`] } }, autoupdate: true },
};

/** A server under test. */
interface Contestant {
  readonly pid: number;
  readonly url: string;
  /** Lines of all tracks so far. */
  lines(): Promise<number>;
  stop(): Promise<void>;
}

const answers = async (url: string): Promise<void> => {
  for (let tries = 0; (await fetch(url).catch(() => undefined)) === undefined; tries += 1) {
    if (tries > 100) throw new Error(`${url} does not answer`);
    await sleep(100);
  }
};

/** falcon on gunicorn: its plain worker closes each connection, the one with threads keeps them. */
async function startFalcon(folder: string, worker: readonly string[]): Promise<Contestant> {
  const port = await freePort();
  for (const name of ['tracks', 'configs']) mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, 'configs/default'), JSON.stringify(document));
  const args = [
    '-c',
    String(serverCore),
    'gunicorn',
    '-b',
    `127.0.0.1:${port}`,
    '--chdir',
    here,
    ...worker,
    'peer:app',
  ];
  const peer = spawn('taskset', args, {
    stdio: ['ignore', 'ignore', 'ignore'],
    env: { ...process.env, BENCH_FOLDER: folder, BENCH_KEY: key, PYTHONDONTWRITEBYTECODE: '1' },
  });
  const url = `http://127.0.0.1:${port}`;
  await answers(url);
  const tracks = join(folder, 'tracks');
  return {
    ...{ pid: peer.pid ?? 0, url },
    lines: async () =>
      readdirSync(tracks).reduce(
        (sum, card) => sum + readFileSync(join(tracks, card), 'utf8').split('\n').length - 1,
        0,
      ),
    async stop() {
      const ended = once(peer, 'exit');
      peer.kill('SIGTERM');
      await ended;
      rmSync(tracks, { recursive: true });
    },
  };
}

const asCard = { headers: { 'x-api-key': key } };

/** The key and the default config go in by the API, as for real cards. */
async function startDrover(server: BenchServer): Promise<Contestant> {
  const { client, pid } = server;
  await client.keys.import({ body: { name: 'cards', role: 'operator', key } });
  const url = client.baseUrl;
  const posted = await fetch(`${url}/boot/default/config`, {
    ...asCard,
    method: 'POST',
    body: JSON.stringify(document),
  });
  if (!posted.ok) throw new Error(`the config is refused: ${await posted.text()}`);
  const linesOf = async (card: number): Promise<number> =>
    ((await (await fetch(`${url}/track/card-${card}`, asCard)).json()) as string[]).length;
  const lines = async (): Promise<number> => {
    let sum = 0;
    for (let card = 0; card < cards; card += 1) sum += await linesOf(card);
    return sum;
  };
  return { pid, url, lines, stop: () => server.stop() };
}

interface Load {
  readonly requests: number;
  readonly cpu: number;
  readonly isClean: boolean;
}

/** Runs wrk on a core of its own. What is written once a second is waited for: it is part of the work. */
async function load({ pid, url }: Contestant, headers: readonly string[]): Promise<Load> {
  const before = cpuSeconds(pid);
  const given = [`X-Api-Key: ${key}`, ...headers].flatMap((header) => ['-H', header]);
  const args = ['-t1', '-c16', `-d${seconds}s`, '-s', join(here, 'cards.lua'), ...given, url];
  const wrk = spawn('taskset', ['-c', String(clientCore), 'wrk', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  wrk.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await once(wrk, 'close');
  await sleep(1500);
  const requests = Number(/(\d+) requests in/.exec(said)?.[1] ?? 0);
  return { requests, cpu: cpuSeconds(pid) - before, isClean: requests > 0 && !/Non-2xx/.test(said) };
}

const cases = [
  { name: 'a connection for each request', headers: ['Connection: close'], worker: [] },
  { name: 'connections are kept', headers: [], worker: ['-k', 'gthread', '--threads', '4'] },
] as const;

/** The first round warms both up, and shows whether both note a line for each request. */
const notesAll = async (one: Contestant, headers: readonly string[]): Promise<boolean> => {
  const before = await one.lines();
  const { requests, isClean } = await load(one, headers);
  const noted = (await one.lines()) - before;
  // Requests that wrk left in the middle when its time was up are noted, and not counted.
  return isClean && noted >= requests && noted <= requests + 64;
};

async function compare(say: Say, drover: Contestant, folder: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, headers, worker } of cases) {
    const peer = await startFalcon(folder, worker);
    try {
      let valid = (await notesAll(peer, headers)) && (await notesAll(drover, headers));
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < rounds; round += 1) {
        const [other, own] = [await load(peer, headers), await load(drover, headers)];
        valid &&= other.isClean && own.isClean;
        theirs.push((1e6 * other.cpu) / other.requests);
        ours.push((1e6 * own.cpu) / own.requests);
        const rate = ({ requests, cpu }: Load): string => (requests / cpu).toFixed(0);
        say(`${name}: requests per CPU second: Drover ${rate(own)}, falcon ${rate(other)}`);
      }
      const what = { case: name, metric: 'server CPU µs/request', peer: 'falcon on gunicorn', limit, valid };
      rows.push(pairedRow(what, ours, theirs));
    } finally {
      await peer.stop();
    }
  }
  return rows;
}

export const bootapiBenchmark: Benchmark = async (say) => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-bootapi-'));
  const drover = await startDrover(await startBenchServer({ cpu: serverCore }));
  try {
    return await compare(say, drover, folder);
  } finally {
    await drover.stop();
    rmSync(folder, { recursive: true, force: true });
  }
};
