import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readFileSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { createHash, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { bytesInMemory, chooseFromCard } from '@drover/simulator';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBoardTools, type BoardTools, type ToolResult } from '../support/board-tools.js';

const sector = 512;
type Files = Readonly<Record<string, string | Buffer>>;

const firmware: Files = {
  'bootcode.bin': randomBytes(9_000),
  'start.elf': randomBytes(90_000),
  'start4.elf': randomBytes(90_000),
};
const systemOf = (): Files => ({
  'kernel8.img': randomBytes(400_001),
  'bcm2710-rpi-3-b.dtb': randomBytes(9_999),
  'bcm2711-rpi-4-b.dtb': randomBytes(9_999),
  'drover.img': randomBytes(200_003),
  'overlays/mine.dtbo': randomBytes(700),
  'config.txt': 'arm_64bit=1\ninitramfs drover.img followkernel\n',
});
const old: Files = { ...systemOf(), 'cmdline.txt': 'the flat one\n' };
const set: Files = { ...systemOf(), 'cmdline.txt': 'drover.boot=1 of the set\n', 'overlays/README': '' };

let tools: BoardTools;
beforeAll(() => {
  tools = createBoardTools();
  write('flat', { ...firmware, ...old });
  write('set', set);
  const sums = Object.entries(set).map(
    ([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}\n`,
  );
  write('set', { SHA256SUMS: sums.join('') });
});
afterAll(() => tools.dispose());

function write(folder: string, files: Files): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(tools.at(folder), name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, content);
  }
}

interface Kind {
  readonly kilobytes: number;
  readonly format: readonly string[];
  /** Files with long names between config.txt and what is added. */
  readonly between: number;
}

const copyIn = (partition: string, from: string, name: string): void =>
  void execFileSync('mcopy', ['-s', '-i', partition, '-Do', join(from, name), '::/'], { stdio: 'pipe' });

/** A partition as a board without sets has it: mkfs.vfat, and files by mcopy, config.txt first where files stand between. */
const makeFlat = (name: string, { kilobytes, format, between }: Kind): string => {
  const partition = tools.at(`${name}.fat`);
  execFileSync('mkfs.vfat', ['-C', ...format, partition, String(kilobytes)], { stdio: 'pipe' });
  const others = Array.from({ length: between }, (_, at) => `a licence with a long name ${at}.txt`);
  write('between', Object.fromEntries(others.map((each) => [each, each])));
  const files = readdirSync(tools.at('flat')).filter((each) => each !== 'config.txt');
  const copyConfig = (): void => copyIn(partition, tools.at('flat'), 'config.txt');
  if (between > 0) copyConfig();
  for (const each of others) copyIn(partition, tools.at('between'), each);
  for (const each of files) copyIn(partition, tools.at('flat'), each);
  // Its entry is early in a sector, with room for ours behind it.
  for (const each of between === 0 ? ['p1', 'p2', 'p3', 'p4'] : []) {
    write('between', { [each]: each });
    copyIn(partition, tools.at('between'), each);
  }
  if (between === 0) copyConfig();
  return partition;
};

/** What `fill` writes onto a mounted card, done to a folder and copied: no machine of the tests needs to mount FAT. */
const fill = (partition: string): void => {
  const mounted = tools.at('mounted');
  cpSync(tools.at('flat'), mounted, { recursive: true });
  expect(tools.run('fat-swap', 'fill', mounted, tools.at('set'))).toEqual({ code: 0, stdout: '', stderr: '' });
  for (const name of ['drover', 'tryboot.txt', 'DROVER.NEW']) copyIn(partition, mounted, name);
};

const look = (partition: string): string => tools.run('fat-swap', 'look', partition).stdout;
const swap = (partition: string): ToolResult => tools.run('fat-swap', 'swap', partition);
const done = { code: 0, stdout: '', stderr: '' };

/** Sectors in which two images differ. */
const changed = (before: Buffer, after: Buffer): number[] => {
  const found: number[] = [];
  for (let at = 0; at < after.length; at += sector)
    if (!before.subarray(at, at + sector).equals(after.subarray(at, at + sector))) found.push(at / sector);
  return found;
};

/** Which system boards start from the partition. */
const started = async (partition: string): Promise<string[]> => {
  const bytes = readFileSync(partition);
  const table = Buffer.alloc(sector);
  table[446 + 4] = 0x0c;
  table.writeUInt32LE(1, 446 + 8);
  table.writeUInt32LE(bytes.length / sector, 446 + 12);
  table.writeUInt16LE(0xaa55, 510);
  const disk = bytesInMemory(Buffer.concat([table, bytes]));
  const choices = await Promise.all((['3b', '4b'] as const).map((board) => chooseFromCard(disk, { board })));
  return choices.map((choice) => {
    if (!choice.boots) return choice.message;
    const files = [old, set].find(({ 'kernel8.img': kernel }) => choice.kernel.bytes.equals(kernel as Buffer));
    const whole = choice.initramfs.bytes.equals(files?.['drover.img'] as Buffer);
    return `${whole ? 'whole' : 'broken'} ${choice.cmdline}`;
  });
};
const ofFlat = ['whole the flat one', 'whole the flat one'];
const ofSet = ['whole drover.boot=1 of the set', 'whole drover.boot=1 of the set'];

const requireSound = (partition: string): void => void execFileSync('fsck.vfat', ['-n', partition], { stdio: 'pipe' });
const fileOf = (partition: string, name: string): string =>
  execFileSync('mtype', ['-i', partition, `::/${name}`]).toString();

const fats: readonly (readonly [string, Omit<Kind, 'between'>])[] = [
  ['FAT12', { kilobytes: 6_000, format: ['-F', '12', '-s', '8'] }],
  ['FAT16', { kilobytes: 20_000, format: ['-F', '16'] }],
  ['FAT32', { kilobytes: 40_000, format: ['-F', '32', '-s', '1'] }],
];

describe.each(fats)('a flat card of %s', (name, kind) => {
  it('starts the set after one sector was written', async () => {
    const partition = makeFlat(name, { ...kind, between: 0 });
    expect(look(partition)).toBe('flat');
    fill(partition);
    expect(look(partition)).toBe('filled');
    expect(await started(partition)).toEqual(ofFlat);
    const before = readFileSync(partition);
    expect(swap(partition)).toEqual(done);
    expect(changed(before, readFileSync(partition))).toHaveLength(1);
    expect(await started(partition)).toEqual(ofSet);
    requireSound(partition);
    expect(fileOf(partition, 'DROVER.NEW')).toBe(old['config.txt']);
    expect(fileOf(partition, 'tryboot.txt')).toBe('[all]\ninclude drover/try.txt\n');
    expect(look(partition)).toBe('swapped');
    const after = readFileSync(partition);
    expect(swap(partition)).toEqual(done);
    expect(readFileSync(partition).equals(after)).toBe(true);
  });

  it('starts one of the two also where the entries are in two sectors, and power goes in between', async () => {
    const partition = makeFlat(`${name} apart`, { ...kind, between: 20 });
    fill(partition);
    const before = readFileSync(partition);
    expect(swap(partition)).toEqual(done);
    const after = readFileSync(partition);
    const [first, second] = changed(before, after);
    expect([first, second].every((each) => each !== undefined)).toBe(true);
    expect(await started(partition)).toEqual(ofSet);
    requireSound(partition);
    expect(fileOf(partition, 'DROVER.NEW')).toBe(old['config.txt']);

    // Only the first of the two was written, which is that of config.txt.
    const cut = Buffer.from(after);
    const at = (second ?? 0) * sector;
    before.copy(cut, at, at, at + sector);
    writeFileSync(partition, cut);
    expect(await started(partition)).toEqual(ofSet);
    expect(look(partition)).toBe('unfinished');
    expect(swap(partition)).toEqual(done);
    expect(look(partition)).toBe('swapped');
    expect(await started(partition)).toEqual(ofSet);
    execFileSync('mdel', ['-i', partition, '::/DROVER.NEW']);
    expect(await started(partition)).toEqual(ofSet);
  });
});

describe('what is refused', () => {
  const flat = (name: string): string => {
    const partition = tools.at(`refused-${name}.fat`);
    copyFileSync(tools.at('FAT16.fat'), partition);
    return partition;
  };
  const spoilt = (name: string, change: (bytes: Buffer) => void): string => {
    const partition = flat(name);
    const bytes = readFileSync(partition);
    change(bytes);
    writeFileSync(partition, bytes);
    return partition;
  };
  const refusedWith = (why: string) => ({ code: 1, stdout: '', stderr: expect.stringContaining(why) as string });

  const table: readonly [string, (bytes: Buffer) => void, string][] = [
    ['no boot sector', (bytes) => void bytes.writeUInt16LE(0, 510), 'no boot sector'],
    ['sectors of 4096', (bytes) => void bytes.writeUInt16LE(4096, 11), 'sectors of 4096 bytes'],
    ['clusters of 3', (bytes) => void (bytes[13] = 3), 'clusters of 3 sectors'],
    ['three tables', (bytes) => void (bytes[16] = 3), 'has 3 tables'],
    ['tables larger than itself', (bytes) => void bytes.writeUInt16LE(60_000, 22), 'makes sense'],
    [
      'no config.txt',
      (bytes) => void bytes.write('XONFIG  TXT', bytes.indexOf('CONFIG  TXT'), 'latin1'),
      'has no config.txt',
    ],
    ['a folder', (bytes) => void (bytes[bytes.indexOf('CONFIG  TXT') + 11] = 0x10), 'is a folder'],
    [
      'two of a name',
      (bytes) => void bytes.write('CONFIG  TXT', bytes.indexOf('KERNEL8 IMG'), 'latin1'),
      'two config.txt',
    ],
  ];
  it.each(table)('a partition with %s', (name, change, why) => {
    const partition = spoilt(name, change);
    const before = readFileSync(partition);
    expect(swap(partition)).toEqual(refusedWith(why));
    expect(readFileSync(partition).equals(before)).toBe(true);
  });

  it('a root directory of FAT32 whose chain is lost', () => {
    const partition = makeFlat('lost', { kilobytes: 40_000, format: ['-F', '32', '-s', '1'], between: 20 });
    const bytes = readFileSync(partition);
    const table = bytes.readUInt16LE(14) * sector;
    bytes.writeUInt32LE(0, table + bytes.readUInt32LE(44) * 4);
    writeFileSync(partition, bytes);
    expect(swap(partition)).toEqual(refusedWith('root directory'));
  });

  it('a card that was not filled, or cut short', () => {
    const partition = makeFlat('not-filled', { kilobytes: 20_000, format: ['-F', '16'], between: 0 });
    expect(swap(partition)).toEqual(refusedWith('fill it first'));
    truncateSync(partition, 1024);
    expect(swap(partition)).toEqual(refusedWith('cannot be read'));
  });

  it('a folder that is no flat card, or a set that is none', () => {
    const at = (name: string): string => {
      cpSync(tools.at('flat'), tools.at(name), { recursive: true });
      return tools.at(name);
    };
    const fillIn = (folder: string, from = 'set') => tools.run('fat-swap', 'fill', folder, tools.at(from));
    expect(fillIn(tools.at('set/overlays'))).toEqual(refusedWith('has no config.txt'));
    expect(fillIn(at('one'), 'flat')).toEqual(refusedWith('has no SHA256SUMS'));
    cpSync(tools.at('set'), tools.at('bad'), { recursive: true });
    writeFileSync(tools.at('bad/kernel8.img'), 'another');
    expect(fillIn(at('two'), 'bad')).toEqual(refusedWith('is not what its SHA256SUMS says'));
    write('three', { 'autoboot.txt': 'boot_partition=2\n' });
    expect(fillIn(at('three'))).toEqual(refusedWith('autoboot.txt'));
    write('four', { 'config.txt': '[all]\ninclude drover/boot.txt\n' });
    expect(fillIn(tools.at('four'))).toEqual(refusedWith('two sets already'));
    expect(tools.run('fat-swap')).toEqual(refusedWith('usage: '));
  });

  it('nothing that was begun before: it is written anew', () => {
    cpSync(tools.at('flat'), tools.at('begun'), { recursive: true });
    write('begun', {
      'drover/a/kernel8.img': 'half',
      'drover/boot.txt': 'os_pre',
      'DROVER.NEW': '',
      'drover/card.conf': 'server=x\n',
    });
    expect(tools.run('fat-swap', 'fill', tools.at('begun'), tools.at('set'))).toEqual(done);
    expect(readFileSync(tools.at('begun/drover/a/kernel8.img')).equals(set['kernel8.img'] as Buffer)).toBe(true);
    expect(readFileSync(tools.at('begun/drover/card.conf'), 'utf8')).toBe('server=x\n');
    expect(tools.run('pointer', tools.at('begun/drover/boot.txt')).stdout).toBe('a');
  });
});
