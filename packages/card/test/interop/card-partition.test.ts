import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createBoardTools, type BoardTools } from '../support/board-tools.js';

const MiB = 1024 * 1024;
const sector = 512;
const size = 136 * MiB;
const bootStart = 4 * MiB;
const bootSize = 33 * MiB;
/** The next multiple of 4 MiB. */
const dataStart = 40 * MiB;

let tools: BoardTools;
let pristine: string;
beforeAll(() => {
  tools = createBoardTools();
  pristine = makeDisk('pristine', [`start=${bootStart / sector}, size=${bootSize / sector}, type=c`]);
});
afterAll(() => tools.dispose());

function makeDisk(name: string, partitions: readonly string[], label = 'dos'): string {
  const path = tools.at(name);
  writeFileSync(path, '');
  truncateSync(path, size);
  execFileSync('sfdisk', ['-q', path], { input: `label: ${label}\n${partitions.join('\n')}\n`, stdio: 'pipe' });
  if (label === 'dos')
    execFileSync('mkfs.vfat', ['--offset', String(bootStart / sector), path, String(bootSize / 1024)], {
      stdio: 'pipe',
    });
  return path;
}

const copyOf = (path: string, name: string): string => {
  copyFileSync(path, tools.at(name));
  return tools.at(name);
};

const bytesAt = (path: string, offset: number, length: number): Buffer => {
  const file = openSync(path, 'r');
  const bytes = Buffer.alloc(length);
  readSync(file, bytes, 0, length, offset);
  closeSync(file);
  return bytes;
};

const overwrite = (path: string, offset: number, bytes: Buffer): void => {
  const file = openSync(path, 'r+');
  writeSync(file, bytes, 0, bytes.length, offset);
  closeSync(file);
};

const digest = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** What is on the disk up to partition 2, but for the entry of that. */
const restOf = (path: string): Buffer => {
  const head = bytesAt(path, 0, dataStart);
  head.fill(0, 462, 478);
  return head;
};

const expected = (isNew: 'yes' | 'no', bytes = size): string =>
  `partition=2 start=${dataStart / sector} sectors=${(bytes - dataStart) / sector} new=${isNew}`;

/** Judged by programs no one here wrote. */
const requireSound = (path: string): void => {
  execFileSync('sfdisk', ['--verify', '-q', path], { stdio: 'pipe' });
  const part = tools.at('part');
  writeFileSync(part, bytesAt(path, dataStart, size - dataStart));
  execFileSync('e2fsck', ['-f', '-n', part], { stdio: 'pipe' });
  const values = execFileSync('blkid', ['-p', '-o', 'export', part]).toString();
  expect(values).toContain('LABEL=drover-data\n');
  expect(values).toContain('TYPE=ext4\n');
};

describe('the partition a board makes on its card', () => {
  it('is made behind the first, whole, and only once', () => {
    const disk = copyOf(pristine, 'disk');
    expect(tools.run('card-partition', disk)).toEqual({ code: 0, stdout: expected('yes'), stderr: '' });
    requireSound(disk);
    expect(restOf(disk).equals(restOf(pristine))).toBe(true);
    const before = digest(disk);
    expect(tools.run('card-partition', disk)).toEqual({ code: 0, stdout: expected('no'), stderr: '' });
    expect(digest(disk)).toBe(before);
  });

  it('is made again where the power went before the table was written, over whatever is there', () => {
    const disk = copyOf(pristine, 'cut');
    tools.run('card-partition', disk);
    overwrite(disk, 0, bytesAt(pristine, 0, sector));
    overwrite(disk, dataStart + 8 * MiB, Buffer.alloc(16 * MiB, 0xa5));
    expect(tools.run('card-partition', disk)).toMatchObject({ code: 0, stdout: expected('yes') });
    requireSound(disk);
    expect(restOf(disk).equals(restOf(pristine))).toBe(true);
  });

  const boot = `start=${bootStart / sector}, size=${bootSize / sector}`;
  const table: readonly [string, readonly string[], string, string][] = [
    ['a GPT', [`${boot}, type=uefi`], 'gpt', 'has a GPT'],
    ['a second partition of a system', [`${boot}, type=c`, 'start=90112, type=83'], 'dos', 'is not drover-data'],
    [
      'a second partition before the first',
      [`${boot}, type=c`, 'start=2048, size=2048, type=83'],
      'dos',
      'is not drover-data',
    ],
    [
      'a third partition',
      [`${boot}, type=c`, 'start=90112, size=2048, type=83', 'start=94208, type=83'],
      'dos',
      'more partitions',
    ],
    ['a first partition that is no FAT', [`${boot}, type=83`], 'dos', 'is no FAT: its type is 131'],
    ['an extended partition', [`${boot}, type=5`], 'dos', 'is no FAT: its type is 5'],
  ];
  it.each(table)('is refused beside %s', (name, partitions, label, why) => {
    const disk = makeDisk(name.replaceAll(' ', '-'), partitions, label);
    const before = digest(disk);
    const refused = tools.run('card-partition', disk);
    expect(refused).toMatchObject({ code: 1, stdout: '', stderr: expect.stringContaining(why) as string });
    expect(digest(disk)).toBe(before);
  });

  it('lies behind partitions that are wanted there, in the first entry that is free', () => {
    const disk = makeDisk('beside', [`${boot}, type=c`, 'start=90112, size=2048, type=83'], 'dos');
    const start = 98_304;
    const answer = (isNew: string): string =>
      `partition=3 start=${start} sectors=${Math.floor((size / sector - start) / 2048) * 2048} new=${isNew}`;
    expect(tools.run('card-partition', disk, '16', 'beside')).toEqual({ code: 0, stdout: answer('yes'), stderr: '' });
    execFileSync('sfdisk', ['--verify', '-q', disk], { stdio: 'pipe' });
    expect(tools.run('card-partition', disk, '16', 'beside')).toEqual({ code: 0, stdout: answer('no'), stderr: '' });
  });

  it('is refused on what has no table, or one of another disk', () => {
    const blank = tools.at('blank');
    writeFileSync(blank, Buffer.alloc(MiB));
    expect(tools.run('card-partition', blank)).toMatchObject({ code: 1, stderr: `${blank} has no partition table` });
    const short = copyOf(pristine, 'short');
    truncateSync(short, 20 * MiB);
    expect(tools.run('card-partition', short)).toMatchObject({
      code: 1,
      stderr: `partition 1 of ${short} is not where the card is`,
    });
  });

  it('is not made where there is no room', () => {
    const disk = copyOf(pristine, 'small');
    truncateSync(disk, 64 * MiB);
    const before = digest(disk);
    expect(tools.run('card-partition', disk)).toMatchObject({
      code: 4,
      stderr: `behind partition 1 of ${disk} is no room for 64 MiB`,
    });
    expect(digest(disk)).toBe(before);
    expect(tools.run('card-partition', disk, '24')).toMatchObject({ code: 0, stdout: expected('yes', 64 * MiB) });
  });

  describe('on a block device', () => {
    let device: string;
    let disk: string;
    beforeEach(() => {
      disk = copyOf(pristine, 'device');
      device = execFileSync('losetup', ['--find', '--show', '--partscan', disk]).toString().trim();
    });
    afterEach(() => void execFileSync('losetup', ['--detach', device]));

    it('is made, and the kernel asked to read the table again', () => {
      expect(tools.run('card-partition', device)).toEqual({ code: 0, stdout: expected('yes'), stderr: '' });
      execFileSync('blockdev', ['--flushbufs', device]);
      requireSound(disk);
    });

    it('is not made while something of it is mounted', () => {
      // ext4 leaves the first sector to the table.
      const table = bytesAt(disk, 0, sector);
      execFileSync('mke2fs', ['-q', '-F', '-t', 'ext4', device, '8M'], { stdio: 'pipe' });
      overwrite(device, 0, table);
      mkdirSync(tools.at('mount'));
      execFileSync('mount', ['-t', 'ext4', device, tools.at('mount')]);
      try {
        const refused = { code: 1, stderr: expect.stringContaining('busy') as string };
        expect(tools.run('card-partition', device)).toMatchObject(refused);
        expect(bytesAt(device, 0, sector).equals(table)).toBe(true);
      } finally {
        execFileSync('umount', [tools.at('mount')]);
      }
    });
  });
});
