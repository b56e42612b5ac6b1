import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { inputs } from '../../e2e/inputs/index.js';
import { pairedRow, type Benchmark, type Row, type Say } from '../row.js';
import { startBenchServer, type BenchServer } from '../server.js';
import { openCopiers, type Copier, type Measured } from './copies.js';
import { openMaker } from './directories.js';
import { followReady, type ReadyDevices } from './ready.js';

/** Before them one that does not count. */
const rounds = 2;
/** At most so much of the time of rsync, by the issue: 500 times faster. */
const limits: Readonly<Record<string, number>> = { 'rsync -xa': 1 / 500 };

const bytesOf = (path: string): number => {
  const said = execFileSync('du', ['-s', '-B1', path], { encoding: 'utf8' });
  return Number(said.split('\t')[0]);
};

async function importImage({ client }: BenchServer, path: string): Promise<void> {
  const image = await client.call('createImage', {
    body: { name: 'bench', version: '1', source: { kind: 'path', path } },
  });
  const job = await client.waitForJob(image.job ?? '');
  if (job.state !== 'succeeded') throw new Error(`the image is not usable: ${job.error?.detail ?? job.state}`);
}

/** One more device, from the request until the event that its disk is there and it may boot. */
async function provision({ client, dataDir }: BenchServer, ready: ReadyDevices, round: number): Promise<Measured> {
  const name = `board-${round}`;
  const { id } = await client.call('createDevice', {
    body: { name, bootPrefix: `be9c00${10 + round}`, model: 'pi4' },
  });
  const disks = join(dataDir, 'disks');
  const before = bytesOf(disks);
  const isReady = ready.of(id);
  const started = process.hrtime.bigint();
  await client.call('provision', { body: { image: 'bench:1', device: name, rootMode: 'nbd' } });
  await isReady;
  const seconds = Number(process.hrtime.bigint() - started) / 1e9;
  const { items } = await client.call('listDisks', { query: { role: 'root' } });
  const usable = items.filter(({ state }) => state === 'ready').length;
  if (usable !== round + 1) throw new Error(`${usable} disks are ready, not ${round + 1}`);
  return { seconds, bytes: bytesOf(disks) - before };
}

async function measure(say: Say, server: BenchServer, ready: ReadyDevices, copiers: readonly Copier[]): Promise<Row[]> {
  const ours: Measured[] = [];
  const theirs = new Map(copiers.map(({ name }) => [name, [] as Measured[]]));
  const tell = (name: string, round: number, { seconds, bytes }: Measured): void =>
    say(`round ${round}, ${name}: ${(seconds * 1000).toFixed(1)} ms, ${bytes} bytes`);
  for (let round = 0; round <= rounds; round += 1) {
    const own = await provision(server, ready, round);
    tell('Drover', round, own);
    if (round > 0) ours.push(own);
    for (const copier of copiers) {
      const measured = await copier.copy();
      tell(copier.name, round, measured);
      if (round > 0) theirs.get(copier.name)?.push(measured);
    }
  }
  const rows = (metric: string, value: (of: Measured) => number, most: typeof limits): Row[] =>
    copiers.map(({ name }) => {
      const limit = most[name];
      const what = { case: 'one more device', metric, peer: name, ...(limit === undefined ? {} : { limit }) };
      return pairedRow(what, ours.map(value), (theirs.get(name) ?? []).map(value));
    });
  return [...rows('wall s', ({ seconds }) => seconds, limits), ...rows('storage KiB', ({ bytes }) => bytes / 1024, {})];
}

/** The ways of root mode nfs, the one that takes most last. */
const methods = ['snapshot', 'reflink', 'overlay', 'copy'] as const;

/** One more directory by each way, beside rsync of the mounted root, which is what Bakery did. */
async function measureDirectories(say: Say, image: string, folder: string, rsync: Copier): Promise<Row[]> {
  const rows: Row[] = [];
  for (const method of methods) {
    const maker = await openMaker(method, image, folder);
    const [ours, theirs]: [Measured[], Measured[]] = [[], []];
    try {
      for (let round = 0; round <= rounds; round += 1) {
        const [made, copied] = [await maker.make(), await rsync.copy()];
        say(`round ${round}, directory by ${method}: ${(made.seconds * 1000).toFixed(1)} ms, ${made.bytes} bytes`);
        if (round === 0) continue;
        ours.push(made);
        theirs.push(copied);
      }
    } finally {
      await maker.dispose();
    }
    const row = (metric: string, value: (of: Measured) => number): Row =>
      pairedRow({ case: `nfs by ${method}`, metric, peer: rsync.name }, ours.map(value), theirs.map(value));
    rows.push(
      row('wall s', ({ seconds }) => seconds),
      row('storage KiB', ({ bytes }) => bytes / 1024),
    );
  }
  return rows;
}

/**
 * One more device over an image of the size Raspberry Pi OS has: from `provision --root nbd` until the disk is ready, beside copies of the image's mounted
 * root; then one more directory of root mode nfs, in each way. Needs root, for the mounts.
 */
export const provisionBenchmark: Benchmark = async (say) => {
  const { path } = await inputs.large();
  const folder = mkdtempSync('/var/tmp/drover-bench-provision-');
  const tree = join(folder, 'root');
  mkdirSync(tree);
  const table = execFileSync('sfdisk', ['--json', path], { encoding: 'utf8' });
  const { partitions } = (JSON.parse(table) as { partitiontable: { partitions: { start: number }[] } }).partitiontable;
  execFileSync('mount', ['-o', `ro,noload,loop,offset=${(partitions[1]?.start ?? 0) * 512}`, path, tree]);
  let copiers: readonly Copier[] = [];
  let server: BenchServer | undefined;
  let ready: ReadyDevices | undefined;
  try {
    copiers = await openCopiers(tree, folder);
    server = await startBenchServer({ base: '/var/tmp', settings: { images: { importFrom: [dirname(path)] } } });
    await importImage(server, path);
    ready = await followReady(server.client);
    const rows = await measure(say, server, ready, copiers);
    const rsync = copiers[0];
    return rsync === undefined ? rows : [...rows, ...(await measureDirectories(say, path, folder, rsync))];
  } finally {
    await ready?.stop();
    await server?.stop();
    for (const copier of copiers) await copier.dispose();
    execFileSync('umount', [tree]);
    rmSync(folder, { recursive: true, force: true });
  }
};
