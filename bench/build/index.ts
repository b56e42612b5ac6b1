import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ImageManifest } from '@drover/builder';
import { median, pairedRow, type Benchmark, type Row, type Say } from '../row.js';
import { bootSeconds } from './boot.js';
import { buildPlainly } from './plain.js';

/** By the issue: what Drover adds to the plain tools, and what a change of one package costs beside a cold build. */
const limits = { cold: 1.1, onePackage: 1 / 3 };
const suite = 'bookworm';
/** Each build from nothing takes minutes. */
const rounds = 2;
const compressions = ['lz4', 'gzip', 'zstd', 'xz'] as const;
/** What the others are compared with. */
const usual = 'gzip';

const cli = fileURLToPath(new URL('../../packages/cli/bin/drover.js', import.meta.url));

interface Build {
  readonly seconds: number;
  readonly out: string;
  readonly manifest: ImageManifest;
}

function build(recipe: string, place: { out: string; cache: string }, more: readonly string[] = []): Build {
  const began = process.hrtime.bigint();
  const args = [cli, 'build', recipe, '--output', place.out, '--card', '--cache-dir', place.cache, ...more];
  execFileSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 2 ** 26 });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const manifest = JSON.parse(readFileSync(join(place.out, 'image.json'), 'utf8')) as ImageManifest;
  return { seconds, out: place.out, manifest };
}

function writeRecipe(folder: string, name: string, recipe: object): string {
  mkdirSync(join(folder, name), { recursive: true });
  writeFileSync(join(folder, name, 'recipe.yaml'), JSON.stringify({ extends: 'base', ...recipe }));
  return join(folder, name);
}

/** From nothing, again, and with another package; beside the plain tools. */
async function measureTimes(say: Say, folder: string): Promise<{ rows: Row[]; cache: string }> {
  const cold: number[] = [];
  const plain: number[] = [];
  const warm: number[] = [];
  const onePackage: number[] = [];
  let cache = '';
  let made: string | undefined;
  for (let round = 0; round < rounds; round += 1) {
    rmSync(cache === '' ? join(folder, 'none') : cache, { recursive: true, force: true });
    cache = join(folder, `cache-${round}`);
    const place = { out: join(folder, 'out'), cache };
    const first = build('base', place);
    made ??= JSON.stringify(first.manifest);
    if (made !== JSON.stringify(first.manifest))
      throw new Error('building base twice from nothing gave different bytes');
    plain.push(await buildPlainly(folder, suite, first.manifest));
    cold.push(first.seconds);
    warm.push(build('base', place).seconds);
    const changed = writeRecipe(folder, `changed-${round}`, { packages: ['nano'] });
    onePackage.push(build(changed, place).seconds);
    say(
      `round ${round}: cold ${cold[round]?.toFixed(0)} s, mmdebstrap and mksquashfs ${plain[round]?.toFixed(0)} s, ` +
        `warm ${warm[round]?.toFixed(0)} s, one package more ${onePackage[round]?.toFixed(0)} s`,
    );
  }
  const metric = 'wall s';
  return {
    cache,
    rows: [
      pairedRow(
        { case: 'base from nothing', metric, peer: 'mmdebstrap + mksquashfs', limit: limits.cold },
        cold,
        plain,
      ),
      pairedRow({ case: 'base again, nothing changed', metric, peer: 'from nothing' }, warm, cold),
      pairedRow(
        { case: 'base with one package more', metric, peer: 'from nothing', limit: limits.onePackage },
        onePackage,
        cold,
      ),
    ],
  };
}

/** Sizes, and seconds until a board that has it in memory is up. */
async function measureCompressions(say: Say, folder: string, cache: string): Promise<Row[]> {
  const measured = new Map<string, { megabytes: number; boot: number[] }>();
  for (const compression of compressions)
    for (const strong of [false, true]) {
      const name = strong ? `${compression}, --release` : compression;
      const recipe = writeRecipe(folder, compression, { compression });
      const { out } = build(recipe, { out: join(folder, 'packed'), cache }, strong ? ['--release'] : []);
      const megabytes = statSync(join(out, 'rootfs.sqsh')).size / 1e6;
      const boot = await bootSeconds(out);
      say(`${name}: ${megabytes.toFixed(0)} MB, up after ${median(boot).toFixed(1)} s`);
      measured.set(name, { megabytes, boot });
    }
  const peer = measured.get(usual);
  return [...measured].flatMap(([name, { megabytes, boot }]) => {
    const what = { case: `root of base, ${name}`, peer: usual };
    return [
      pairedRow({ ...what, metric: 'MB' }, [megabytes], [peer?.megabytes ?? NaN]),
      pairedRow({ ...what, metric: 'boot s' }, boot, peer?.boot ?? []),
    ];
  });
}

export const buildBenchmark: Benchmark = async (say) => {
  const folder = mkdtempSync(join(tmpdir(), 'drover-bench-build-'));
  try {
    const { rows, cache } = await measureTimes(say, folder);
    return [...rows, ...(await measureCompressions(say, folder, cache))];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};
