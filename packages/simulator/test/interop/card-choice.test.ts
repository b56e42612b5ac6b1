import { execFile } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { chooseFromCard, openDiskFile, type CardChoice } from '../../src/index.js';
import { bytesOf, writeFiles } from '../support/boot-folder.js';

const run = promisify(execFile);
const mib = 1024 * 1024;
const start = mib;

const kernel = bytesOf(1, 900_001);
const initramfs = bytesOf(2, 300_003);
const pointer = 'os_prefix=drover/a/\ninclude drover/a/config.txt\n'.padEnd(512, '#');
const files: Readonly<Record<string, Buffer | string>> = {
  'bootcode.bin': bytesOf(3, 50_000),
  'start.elf': bytesOf(4, 200_000),
  'start4.elf': bytesOf(5, 200_000),
  'config.txt': '[all]\ninclude drover/boot.txt\n',
  'drover/boot.txt': pointer,
  'drover/a/config.txt': 'arm_64bit=1\ninitramfs drover.img followkernel\n',
  'drover/a/cmdline.txt': 'drover.boot=1 quiet\n',
  'drover/a/kernel8.img': kernel,
  'drover/a/kernel_2712.img': kernel,
  'drover/a/drover.img': initramfs,
  'drover/a/bcm2710-rpi-3-b.dtb': bytesOf(6, 20_000),
  'drover/a/bcm2711-rpi-4-b.dtb': bytesOf(7, 20_000),
  'drover/a/bcm2712-rpi-5-b.dtb': bytesOf(8, 20_000),
};

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'drover-card-choice-'));
  await writeFiles(join(folder, 'files'), files);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A disk with an MBR by sfdisk, a file system by mkfs.vfat and files by mcopy. */
const makeCard = async (name: string, megabytes: number, ...format: readonly string[]): Promise<string> => {
  const path = join(folder, name);
  await writeFile(path, '');
  await truncate(path, (megabytes + 4) * mib);
  const sectors = (megabytes * mib) / 512;
  await run('sh', ['-c', `echo "start=${start / 512}, size=${sectors}, type=c" | sfdisk -q "$1"`, 'sh', path]);
  await run('mkfs.vfat', [...format, '--offset', String(start / 512), path, String(megabytes * 1024)]);
  await run('sh', ['-c', 'mcopy -s -i "$1" "$2"/* ::', 'sh', `${path}@@${start}`, join(folder, 'files')]);
  return path;
};

const choose = async (path: string, board: '3b' | '4b' | '5'): Promise<CardChoice> => {
  const disk = openDiskFile(path);
  try {
    return await chooseFromCard(disk, { board });
  } finally {
    disk.close();
  }
};

describe('a card made by sfdisk, mkfs.vfat and mcopy', () => {
  it.each([
    ['FAT12', 8, ['-F', '12', '-s', '8']],
    ['FAT16', 32, ['-F', '16']],
    ['FAT32 with small clusters', 48, ['-F', '32', '-s', '1']],
    ['FAT32', 300, ['-F', '32']],
  ] as const)('%s: every board chooses the files that were put there', async (name, megabytes, format) => {
    const path = await makeCard(`${name}.img`, megabytes, ...format);
    for (const board of ['3b', '4b', '5'] as const) {
      const choice = await choose(path, board);
      expect(choice).toMatchObject({
        boots: true,
        partition: 1,
        osPrefix: 'drover/a/',
        warnings: expectedWarnings(board),
      });
      if (!choice.boots) continue;
      expect(choice.kernel.bytes.equals(kernel)).toBe(true);
      expect(choice.initramfs.bytes.equals(initramfs)).toBe(true);
      expect(choice.cmdline).toBe('drover.boot=1 quiet');
    }
  });

  it('is another card once mdel and mren have been there', async () => {
    const path = await makeCard('changed.img', 48, '-F', '32', '-s', '1');
    const at = `${path}@@${start}`;
    await run('mren', ['-i', at, '::/drover/a/drover.img', '::/drover/a/drover.old']);
    expect(await choose(path, '4b')).toMatchObject({ boots: true, initramfs: { paths: [] } });
    await run('mdel', ['-i', at, '::/drover/a/kernel8.img']);
    expect(await choose(path, '4b')).toMatchObject({ boots: false, step: 'kernel', reason: 'not-found' });
    expect(await choose(path, '5')).toMatchObject({ boots: true });
  });
});

/** fixup*.dat is missed on boards that load start*.elf. */
const expectedWarnings = (board: '3b' | '4b' | '5'): unknown =>
  board === '5' ? [] : [expect.stringMatching(/^fixup4?\.dat not found/)];
