import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { cpuSeconds } from '../cpu.js';
import { pairedRow, type Benchmark, type Row, type Say } from '../row.js';
import { startBenchServer, type BenchServer } from '../server.js';
import { largeImage } from './large-image.js';

/** Many, because the same program on the same input differs by a twentieth from run to run here. */
const rounds = 9;
/** Import within this many times of `xz -dc`, by the issue. */
const limit = 1.15;

interface Measured {
  /** CPU and wall seconds. */
  readonly cpu: number;
  readonly wall: number;
}

/** The least any importer must do: decompress into a file that survives a power cut. */
async function decompressOnly(image: string, output: string): Promise<Measured> {
  const started = process.hrtime.bigint();
  // A shell of its own waits for its children, so that their CPU time can be read from it until it ends on our word.
  const shell = spawn('sh', ['-c', 'xz -dc "$1" >"$2" && sync -d "$2" && echo done && read end', 'sh', image, output], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(shell.stdout, 'data')) as [Buffer];
  const wall = Number(process.hrtime.bigint() - started) / 1e9;
  const cpu = cpuSeconds(shell.pid ?? 0);
  shell.stdin.end('\n');
  await once(shell, 'exit');
  if (line.toString().trim() !== 'done') throw new Error('xz failed');
  return { cpu, wall };
}

async function importOnce(server: BenchServer, image: string, version: string): Promise<Measured & { size: number }> {
  const before = cpuSeconds(server.pid);
  const started = process.hrtime.bigint();
  const created = await server.client.call('createImage', {
    body: { name: 'bench', version, source: { kind: 'path', path: image } },
  });
  const job = await server.client.waitForJob(created.job ?? '');
  const wall = Number(process.hrtime.bigint() - started) / 1e9;
  const cpu = cpuSeconds(server.pid) - before;
  if (job.state !== 'succeeded') throw new Error(`the import ended as ${job.state}: ${job.error?.detail ?? ''}`);
  const { size } = await server.client.call('getImage', { params: { ref: created.id } });
  await server.client.call('deleteImage', { params: { ref: created.id } });
  return { cpu, wall, size: size ?? 0 };
}

async function measure(say: Say, server: BenchServer, image: string): Promise<Row[]> {
  const output = join(server.dataDir, 'peer.img');
  const drover: Measured[] = [];
  const peer: Measured[] = [];
  let valid = true;
  for (let round = 0; round <= rounds; round += 1) {
    const runPeer = async (): Promise<Measured & { size: number }> => {
      const measured = await decompressOnly(image, output);
      const { size } = statSync(output);
      rmSync(output);
      return { ...measured, size };
    };
    const runDrover = (): ReturnType<typeof importOnce> => importOnce(server, image, `round-${round}`);
    // Each goes first in turn: what the one leaves behind (memory to be freed, writes under way) is not always the other's.
    const peerFirst = round % 2 === 0;
    const early = peerFirst ? await runPeer() : undefined;
    const ours = await runDrover();
    const theirs = early ?? (await runPeer());
    valid &&= ours.size === theirs.size;
    say(
      `round ${round}: import ${ours.wall.toFixed(1)} s (CPU ${ours.cpu.toFixed(1)}), xz -dc ${theirs.wall.toFixed(1)} s (CPU ${theirs.cpu.toFixed(1)})`,
    );
    // The first round warms the page cache and the helper cache.
    if (round === 0) continue;
    drover.push(ours);
    peer.push(theirs);
  }
  const what = { case: `import a ${Math.round(statSync(image).size / 1e6)} MB .img.xz`, peer: 'xz -dc, synced', valid };
  const pick = (field: keyof Measured) => [drover.map((one) => one[field]), peer.map((one) => one[field])] as const;
  return [
    pairedRow({ ...what, metric: 'CPU s', limit }, ...pick('cpu')),
    pairedRow({ ...what, metric: 'wall s', limit }, ...pick('wall')),
  ];
}

export const importBenchmark: Benchmark = async (say) => {
  const image = await largeImage(say);
  const server = await startBenchServer({ settings: { images: { importFrom: [dirname(image)] } } });
  try {
    mkdirSync(server.dataDir, { recursive: true });
    return await measure(say, server, image);
  } finally {
    await server.stop();
  }
};
