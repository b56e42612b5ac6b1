import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { firstSector, makeDisk, makeFat } from '../test/support/fat-volume.js';
import { check } from '../test/support/runs.js';
import { chooseFromCard, type CardBoot, type CardChoice } from './card-choice.js';
import { bytesInMemory } from './disk-bytes.js';
import type { ModelName } from './models.js';

type Files = Readonly<Record<string, string | Buffer>>;

const firmware: Files = {
  'bootcode.bin': 'BC',
  'start.elf': 'VC',
  'fixup.dat': 'F',
  'start4.elf': 'VC4',
  'fixup4.dat': 'F4',
};

/** The operating system's files below a prefix. */
const system = (prefix: string, mark: string): Files => ({
  [`${prefix}kernel8.img`]: `kernel ${mark}`,
  [`${prefix}kernel_2712.img`]: `kernel 5 ${mark}`,
  [`${prefix}bcm2710-rpi-3-b.dtb`]: `dtb 3 ${mark}`,
  [`${prefix}bcm2711-rpi-4-b.dtb`]: `dtb 4 ${mark}`,
  [`${prefix}bcm2712-rpi-5-b.dtb`]: `dtb 5 ${mark}`,
  [`${prefix}drover.img`]: `initramfs ${mark}`,
  [`${prefix}cmdline.txt`]: `quiet ${mark}\n`,
});

const ours = 'arm_64bit=1\ninitramfs drover.img followkernel\n';
const flat: Files = { ...firmware, ...system('', 'flat'), 'config.txt': ours };

const pointer = (set: string): string =>
  `os_prefix=drover/${set}/\ninclude drover/${set}/config.txt\n`.padEnd(512, '#');

/** A card that updates itself, with these sets. */
const sets: Files = {
  ...firmware,
  'config.txt': '[all]\ninclude drover/boot.txt\n',
  'tryboot.txt': '[all]\ninclude drover/try.txt\n',
  'drover/boot.txt': pointer('a'),
  'drover/try.txt': pointer('b'),
  ...system('drover/a/', 'a'),
  ...system('drover/b/', 'b'),
  'drover/a/config.txt': ours,
  'drover/b/config.txt': ours,
};

const without = (files: Files, ...names: readonly string[]): Files =>
  Object.fromEntries(Object.entries(files).filter(([name]) => !names.includes(name)));

const choose = (disk: Buffer, boot: CardBoot): Promise<CardChoice> => chooseFromCard(bytesInMemory(disk), boot);

/** What a choice comes to, in a line. */
const shown = (choice: CardChoice): string => {
  if (!choice.boots) return `stops: ${choice.step} ${choice.reason}`;
  const { partition, configFile, osPrefix, kernel, initramfs, cmdline } = choice;
  return `${partition} ${configFile} "${osPrefix}" ${kernel.bytes.toString()}, ${initramfs.bytes.toString()}, ${cmdline}`;
};

const chosen = async (files: Files, board: ModelName, boot: Omit<CardBoot, 'board'> = {}): Promise<string> =>
  shown(await choose(makeDisk(makeFat(files).bytes), { board, ...boot }));

describe('a card with one boot partition', () => {
  const table: readonly [string, Files, ModelName, Omit<CardBoot, 'board'>, string][] = [
    ['flat', flat, '4b', {}, '1 config.txt "" kernel flat, initramfs flat, quiet flat'],
    ['flat', flat, '3b', {}, '1 config.txt "" kernel flat, initramfs flat, quiet flat'],
    ['flat', flat, '5', {}, '1 config.txt "" kernel 5 flat, initramfs flat, quiet flat'],
    ['sets', sets, '3b', {}, '1 config.txt "drover/a/" kernel a, initramfs a, quiet a'],
    ['sets', sets, '4b', {}, '1 config.txt "drover/a/" kernel a, initramfs a, quiet a'],
    ['sets', sets, '5', {}, '1 config.txt "drover/a/" kernel 5 a, initramfs a, quiet a'],
    ['sets, on trial', sets, '4b', { tryboot: true }, '1 tryboot.txt "drover/b/" kernel b, initramfs b, quiet b'],
    ['sets, on trial', sets, '5', { tryboot: true }, '1 tryboot.txt "drover/b/" kernel 5 b, initramfs b, quiet b'],
    [
      'sets, pointed at b',
      { ...sets, 'drover/boot.txt': pointer('b') },
      '4b',
      {},
      '1 config.txt "drover/b/" kernel b, initramfs b, quiet b',
    ],
    ['sets, no kernel in a', without(sets, 'drover/a/kernel8.img'), '4b', {}, 'stops: kernel not-found'],
    ['sets, no device tree in a', without(sets, 'drover/a/bcm2711-rpi-4-b.dtb'), '4b', {}, 'stops: kernel not-found'],
    [
      'sets without a kernel beside a flat system',
      { ...without(sets, 'drover/a/kernel8.img'), ...system('', 'flat') },
      '4b',
      {},
      '1 config.txt "" kernel flat, initramfs flat, quiet flat',
    ],
    ['sets, no pointer', without(sets, 'drover/boot.txt'), '4b', {}, 'stops: kernel not-found'],
    [
      'sets, no initramfs',
      without(sets, 'drover/a/drover.img'),
      '4b',
      {},
      '1 config.txt "drover/a/" kernel a, , quiet a',
    ],
    [
      'no command line',
      without(sets, 'drover/a/cmdline.txt'),
      '4b',
      {},
      '1 config.txt "drover/a/" kernel a, initramfs a, ',
    ],
    [
      'two initramfs',
      { ...flat, 'config.txt': 'initramfs drover.img,cmdline.txt followkernel\n' },
      '4b',
      {},
      '1 config.txt "" kernel flat, initramfs flat\0\0quiet flat\n, quiet flat',
    ],
    [
      'another system for another board',
      { ...sets, 'config.txt': '[pi5]\nos_prefix=drover/b/\n[all]\ninclude drover/a/config.txt\n' },
      '5',
      {},
      '1 config.txt "drover/b/" kernel 5 b, initramfs b, quiet b',
    ],
    ['no bootcode.bin', without(flat, 'bootcode.bin'), '3b', {}, 'stops: bootcode not-found'],
    ['no start.elf', without(flat, 'start.elf'), '3b', {}, 'stops: partition no-partition'],
    ['no start*.elf', without(flat, 'start.elf', 'start4.elf'), '4b', {}, 'stops: partition no-partition'],
    ['an empty start4.elf', { ...flat, 'start4.elf': '' }, '4b', {}, 'stops: bootloader empty'],
    ['no config.txt', without(flat, 'config.txt'), '5', {}, 'stops: partition no-partition'],
    ['no config.txt', without(flat, 'config.txt'), '4b', {}, '1 config.txt "" kernel flat, , quiet flat'],
    ['no device tree', without(flat, 'bcm2712-rpi-5-b.dtb'), '5', {}, 'stops: device-tree os-check'],
    [
      '[partition=1]',
      { ...sets, 'config.txt': '[partition=1]\ninclude drover/boot.txt\n' },
      '4b',
      {},
      '1 config.txt "drover/a/" kernel a, initramfs a, quiet a',
    ],
    [
      '[partition=2]',
      { ...sets, 'config.txt': '[partition=2]\ninclude drover/boot.txt\n' },
      '4b',
      {},
      'stops: kernel not-found',
    ],
  ];
  it.each(table)('%s: %#', async (_name, files, board, boot, expected) => {
    expect(await chosen(files, board, boot)).toBe(expected);
  });

  it('gives device tree, overlays and settings', async () => {
    const files = {
      ...sets,
      'drover/a/config.txt': `${ours}dtoverlay=mine\n`,
      'drover/a/overlays/README': '',
      'drover/a/overlays/mine.dtbo': 'overlay a',
      'overlays/mine.dtbo': 'overlay of all',
    };
    expect(await choose(makeDisk(makeFat(files).bytes), { board: '4b' })).toMatchObject({
      dtb: { path: 'drover/a/bcm2711-rpi-4-b.dtb', bytes: Buffer.from('dtb 4 a') },
      overlays: [{ path: 'drover/a/overlays/mine.dtbo', bytes: Buffer.from('overlay a') }],
      initramfs: { paths: ['drover/a/drover.img'] },
      config: expect.arrayContaining([{ key: 'os_prefix', value: 'drover/a/' }]) as unknown,
      warnings: [],
    });
    const shared = await choose(makeDisk(makeFat(without(files, 'drover/a/overlays/README')).bytes), { board: '4b' });
    expect(shared).toMatchObject({ overlays: [{ path: 'overlays/mine.dtbo' }] });
  });
});

describe('several partitions', () => {
  const b: Files = { ...firmware, ...system('', 'second'), 'config.txt': ours };
  const disk = (autoboot: string): Buffer =>
    makeDisk(makeFat({ ...flat, 'autoboot.txt': autoboot }).bytes, makeFat(b).bytes, Buffer.alloc(512));
  const table: readonly [string, Omit<CardBoot, 'board'>, string][] = [
    ['', {}, '1 config.txt "" kernel flat'],
    ['boot_partition=2', {}, '2 config.txt "" kernel second'],
    ['[all]\nboot_partition=2\n', { partition: 1 }, '1 config.txt "" kernel flat'],
    ['', { partition: 2 }, '2 config.txt "" kernel second'],
    ['boot_partition=3', {}, '1 config.txt "" kernel flat'],
    ['[none]\nboot_partition=2', {}, '1 config.txt "" kernel flat'],
    ['[pi4]\nboot_partition=2', {}, '1 config.txt "" kernel flat'],
    [`${'#'.repeat(511)}\nboot_partition=2`, {}, '1 config.txt "" kernel flat'],
    ['tryboot_a_b=1\nboot_partition=1\n[tryboot]\nboot_partition=2', {}, '1 config.txt "" kernel flat'],
    [
      'tryboot_a_b=1\nboot_partition=1\n[tryboot]\nboot_partition=2',
      { tryboot: true },
      '2 config.txt "" kernel second',
    ],
    ['[tryboot]\nboot_partition=2', { tryboot: true }, '2 tryboot.txt "" kernel second'],
  ];
  it.each(table)('autoboot.txt %j, %j: %s', async (autoboot, boot, expected) => {
    for (const board of ['4b', '3b'] as const)
      expect(shown(await choose(disk(autoboot), { board, partition: 0, ...boot }))).toContain(expected);
  });

  it('the mask ROM looks at the first whose type is FAT only, an EEPROM at what is FAT', async () => {
    const linux = { bytes: makeFat(flat).bytes, type: 0x83 };
    expect(shown(await choose(makeDisk(linux), { board: '3b' }))).toBe('stops: partition no-partition');
    expect(shown(await choose(makeDisk(linux), { board: '4b' }))).toContain('kernel flat');
    const first = { bytes: makeFat({ note: 'data' }).bytes, type: 0x0c };
    const second = makeFat(b).bytes;
    expect(shown(await choose(makeDisk(first, second), { board: '3b' }))).toBe('stops: bootcode not-found');
    expect(shown(await choose(makeDisk(first, second), { board: '5' }))).toContain('kernel 5 second');
  });
});

describe('a damaged card', () => {
  const board = '4b';
  const base = firstSector * 512;
  const damage = (path: string, change: (table: Buffer, at: number) => void): Buffer => {
    const volume = makeFat(sets);
    const disk = makeDisk(volume.bytes);
    change(disk, base + volume.tableAt(volume.clusterOf.get(path) ?? 0));
    return disk;
  };
  const long = 'x'.repeat(2000);
  const big: Files = { ...sets, 'drover/a/kernel8.img': long, 'drover/a/drover.img': long };

  it.each([
    ['drover/a/kernel8.img', 'kernel'],
    ['drover/a/drover.img', 'initramfs'],
  ])('stops at %s cut short', async (path, step) => {
    const volume = makeFat(big);
    volume.bytes.writeUInt16LE(0, volume.tableAt((volume.clusterOf.get(path) ?? 0) + 1));
    expect(shown(await choose(makeDisk(volume.bytes), { board }))).toBe(`stops: ${step} damaged`);
  });

  it('stops at a folder whose chain is lost before the name is found', async () => {
    const lost = damage('drover/a', (disk, at) => disk.writeUInt16LE(0, at));
    expect(shown(await choose(lost, { board }))).toContain('stops: ');
    expect(shown(await choose(lost, { board, tryboot: true }))).toContain('kernel b');
  });

  it('stops at an entry that leads nowhere', async () => {
    const volume = makeFat(sets);
    const at = volume.bytes.indexOf('CMDLINE TXT', volume.bytes.indexOf('DROVER  '));
    volume.bytes.writeUInt16LE(0xfff0, at + 26);
    expect(shown(await choose(makeDisk(volume.bytes), { board }))).toBe('stops: cmdline damaged');
  });

  it.each([
    ['nothing', Buffer.alloc(0)],
    ['zeros', Buffer.alloc(8192)],
    ['a table of an absent place', makeDisk(Buffer.alloc(512)).subarray(0, 4096)],
    ['no table but a file system', makeFat(flat).bytes],
  ])('%s holds no bootable partition', async (_name, disk) => {
    for (const model of ['3b', '4b', '5'] as const)
      expect(shown(await choose(disk, { board: model }))).toBe('stops: partition no-partition');
  });

  it('ends in a choice or a reason whatever bytes it holds', async () => {
    const whole = makeDisk(makeFat(sets).bytes);
    const head = base + (1 + 17 + 32 + 40) * 512;
    const models = ['3b', '4b', '5'] as const;
    const change = fc.tuple(fc.nat(head - 1), fc.integer({ min: 0, max: 255 }));
    const property = fc.asyncProperty(
      fc.array(change, { maxLength: 12 }),
      fc.constantFrom(...models),
      async (changes, model) => {
        const mutated = Buffer.from(whole);
        for (const [at, byte] of changes) mutated[at] = byte;
        const choice = await choose(mutated, { board: model });
        expect(typeof choice.boots).toBe('boolean');
      },
    );
    await check('mutated cards', 60, property);
  }, 60_000);
});
