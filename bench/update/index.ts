import { execFileSync } from 'node:child_process';
import { createWriteStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { debianSources } from '@drover/debian';
import { encodeDelta, planDelta } from '@drover/disk-image';
import { openFileSource } from '../../packages/server/src/adapters/import/file-source.js';
import { pairedRow, type Benchmark, type Row, type Say } from '../row.js';
import { casyncCost, seconds, zsyncCost, type Cost } from './peers.js';
import { buildUpdate } from './roots.js';

/** By the issue: of the whole image. */
const limit = 0.1;
const applier = fileURLToPath(new URL('../../device/lib/delta-apply', import.meta.url));

/** This machine's own mirror of the last point release alone: updates and security have suites of their own. */
async function pointReleaseMirror(): Promise<string> {
  const release = (await debianSources()).find(({ suite }) => /^[a-z]+$/.test(suite));
  if (release === undefined)
    throw new Error('apt of this machine names no suite of Debian without -updates or -security');
  return release.uri;
}

/** Makes a delta as the server does and applies it with the shell and the programs that a board has. */
async function droverCost(folder: string, old: string, next: string): Promise<Cost> {
  const delta = join(folder, 'delta');
  const made = join(folder, 'made');
  const began = process.hrtime.bigint();
  const [from, to] = [await openFileSource(old), await openFileSource(next)];
  await pipeline(encodeDelta(await planDelta(from, to), to), createWriteStream(delta));
  const make = Number(process.hrtime.bigint() - began) / 1e9;
  const words = ['sh', applier, old, delta, made, String(to.size)];
  await from.close();
  await to.close();
  const apply = seconds(() => execFileSync('busybox', words, { stdio: 'inherit' }));
  execFileSync('cmp', [next, made]);
  return { bytes: statSync(delta).size, make, apply };
}

function rowsOf(name: string, drover: Cost, peers: Readonly<Record<string, Cost>>): Row[] {
  const rows = Object.entries(peers).flatMap(([peer, cost]) => [
    pairedRow({ case: name, metric: 'MB to fetch', peer }, [drover.bytes / 1e6], [cost.bytes / 1e6]),
    pairedRow({ case: name, metric: 's to make', peer }, [drover.make], [cost.make]),
    pairedRow({ case: name, metric: 's to put together', peer }, [drover.apply], [cost.apply]),
  ]);
  return rows;
}

/** What an update of two packed roots costs. */
async function measure(say: Say, folder: string, name: string, [old, next]: readonly [string, string]): Promise<Row[]> {
  const whole = statSync(next).size / 1e6;
  const drover = await droverCost(folder, old, next);
  say(`Drover: ${(drover.bytes / 1e6).toFixed(1)} of ${whole.toFixed(1)} MB, made in ${drover.make.toFixed(1)} s`);
  const zsync = await zsyncCost(folder, basename(old), basename(next));
  const casync = casyncCost(folder, basename(old), basename(next));
  return [
    pairedRow({ case: name, metric: 'MB to fetch', peer: 'whole root', limit }, [drover.bytes / 1e6], [whole]),
    ...rowsOf(name, drover, { zsync, casync }),
  ];
}

/** DROVER_BENCH_ROOTS: `old.sqsh` and `new.sqsh` in a folder that an earlier run built are measured again. */
export const updateBenchmark: Benchmark = async (say) => {
  const kept = process.env['DROVER_BENCH_ROOTS'];
  const folder = kept ?? mkdtempSync(join(tmpdir(), 'drover-bench-update-'));
  try {
    if (kept !== undefined)
      return await measure(say, folder, 'update of base', [join(folder, 'old.sqsh'), join(folder, 'new.sqsh')]);
    const { old, next, packages } = await buildUpdate(folder, await pointReleaseMirror());
    say(`updated: ${packages.join(', ')}`);
    return await measure(say, folder, 'update of base', [old, next]);
  } finally {
    if (kept === undefined) rmSync(folder, { recursive: true, force: true });
  }
};
