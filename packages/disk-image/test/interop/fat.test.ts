import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFat, type RandomAccess } from '../../src/index.js';
import { createRandom, seed } from '../support/runs.js';
import { withFile, run, useWorkFolder } from '../support/tools.js';

const at = useWorkFolder();
const folders = ['overlays', 'A Folder with a long näme', 'overlays/Deep', 'UPPER', 'lower', 'Mixed.Dir'];
const stems = [
  'config',
  'KERNEL8',
  'a rather long file name',
  'überlay-❤',
  'x',
  'dots.in.name',
  'bcm2711-rpi-4-b',
  'ÄÖÜ',
];
const suffixes = ['.txt', '.DTB', '', '.dtbo', '.tar.gz', '.Img'];

/** Fills a volume with files of random names and sizes, deleting some in between so that chains get torn. */
function fill(image: string, random: () => number): Map<string, Buffer> {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const files = new Map<string, Buffer>();
  run('mmd', ['-i', image, ...folders.map((folder) => `::${folder}`)]);
  for (let i = 0; i < 70; i++) {
    if (files.size > 10 && random() < 0.25) {
      const victim = pick([...files.keys()]);
      run('mdel', ['-i', image, `::${victim}`]);
      files.delete(victim);
      continue;
    }
    const folder = random() < 0.3 ? '' : `${pick(folders)}/`;
    const path = `${folder}${pick(stems)}-${i}${pick(suffixes)}`;
    const content = Buffer.alloc(Math.floor(random() ** 3 * 12_000), `${path} `);
    writeFileSync(at('content'), content);
    run('mcopy', ['-i', image, at('content'), `::${path}`]);
    files.set(path, content);
  }
  return files;
}

describe.each([
  ['fat12', ['-F', '12', '-s', '1'], 1024],
  ['fat16', ['-F', '16', '-s', '2'], 8192],
  ['fat32', ['-F', '32', '-s', '1'], 36_000],
  ['fat16', ['-F', '16', '-s', '4', '-S', '1024', '-f', '1'], 32_000],
  ['fat32', ['-F', '32', '-s', '8', '-S', '512', '-R', '64'], 300_000],
] as const)('a %s volume of mkfs.vfat %j', (kind, options, kilobytes) => {
  it('is read as mtools reads it', async () => {
    const random = createRandom(seed + kilobytes);
    const image = at(`${kind}-${kilobytes}.img`);
    run('mkfs.vfat', ['-C', '-n', 'TESTVOL', ...options, image, String(kilobytes)]);
    const files = fill(image, random);
    await withFile(image, (source) => expectSame(source, kind, image, at(`${kind}-${kilobytes}`), files));
  });
});

async function expectSame(
  source: RandomAccess,
  kind: string,
  image: string,
  extracted: string,
  files: ReadonlyMap<string, Buffer>,
): Promise<void> {
  const volume = await openFat(source);
  expect(volume).toMatchObject({ kind, label: 'TESTVOL' });

  const entries = await volume.entries();
  const listed = run('mdir', ['-i', image, '-/', '-b', '-a', '::']).toString().split('\n');
  const theirs = listed.filter((line) => line !== '').map((line) => line.replace(/^::\//u, '').replace(/\/$/u, ''));
  expect(entries.map(({ path }) => path).sort()).toEqual(theirs.sort());

  mkdirSync(extracted);
  run('mcopy', ['-i', image, '-s', '-n', '-m', '::*', extracted]);
  for (const [path, content] of files) {
    expect(Buffer.compare(await volume.readFile(path), content), path).toBe(0);
    expect(Buffer.compare(readFileSync(join(extracted, path)), content), path).toBe(0);
    expect((await volume.stat(path.toUpperCase().replaceAll('SS', 'ss')))?.path, path).toBe(path);
  }
  expect(run('mtype', ['-i', image, `::${[...files.keys()][0]}`])).toEqual([...files.values()][0]);
}
