import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DiskFacts } from './facts.js';
import { readDiskFacts } from './read-facts.js';

let folder: string;
const put = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), `${text}\n`);
};

/** A disk as sysfs shows it: files in its folder, and its number as a link to that. */
const disk = (place: string, number: string, files: Readonly<Record<string, string>>): void => {
  for (const [name, text] of Object.entries({ dev: number, ...files })) put(join('sys/devices', place, name), text);
  mkdirSync(join(folder, 'sys/dev/block'), { recursive: true });
  symlinkSync(join('../../devices', place), join(folder, 'sys/dev/block', number));
};

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'drover-disks-'));
  put('proc/swaps', 'Filename\t\t\tType\t\tSize\t\tUsed\t\tPriority');
  put('proc/self/mountinfo', '22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p1 rw');
  const files = {
    size: '62333952',
    ro: '0',
    removable: '1',
    'device/vendor': 'Generic',
    'device/model': 'MassStorage',
  };
  disk('pci/usb1/1-1/host6/block/sdb', '8:16', files);
  disk('pci/usb1/1-1/host6/block/sdb/sdb1', '8:17', { partition: '1', size: '1048576' });
  disk('pci/usb1/1-1/host6/block/sdb/sdb2', '8:18', { partition: '2', size: '61276160' });
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

const facts = (number: string | undefined, path = '/dev/sdb'): Promise<DiskFacts> =>
  readDiskFacts(path, {
    sys: join(folder, 'sys'),
    proc: join(folder, 'proc'),
    deviceNumber: async () => number,
  });

describe('what Linux knows of a disk', () => {
  it('is its name, model, size and partitions', async () => {
    expect(await facts('8:16')).toEqual({
      ...{ path: '/dev/sdb', name: 'sdb', partOf: undefined, model: 'Generic MassStorage', size: 62333952 * 512 },
      ...{ readOnly: false, removable: true, uses: [] },
      partitions: [
        { name: 'sdb1', size: 512 * 1024 * 1024 },
        { name: 'sdb2', size: 61276160 * 512 },
      ],
    });
  });

  it('is what it is a partition of', async () => {
    expect(await facts('8:17', '/dev/sdb1')).toMatchObject({ name: 'sdb1', partOf: 'sdb' });
  });

  it('is what uses it and its partitions', async () => {
    put(
      'proc/self/mountinfo',
      [
        '22 1 259:1 / / rw - ext4 /dev/nvme0n1p1 rw',
        '40 22 8:17 / /media/my\\040card rw,nosuid shared:9 - vfat /dev/sdb1 rw',
        '41 22 0:46 /@ /media/other rw - btrfs /dev/sdb2 rw',
      ].join('\n'),
    );
    put('proc/swaps', 'Filename Type Size Used Priority\n/dev/sdb2 partition 1 0 -2');
    put('sys/devices/pci/usb1/1-1/host6/block/sdb/sdb2/holders/dm-0', '');
    expect((await facts('8:16')).uses).toEqual([
      { name: 'sdb1', kind: 'mount', by: '/media/my card' },
      { name: 'sdb2', kind: 'mount', by: '/media/other' },
      { name: 'sdb2', kind: 'swap', by: '/dev/sdb2' },
      { name: 'sdb2', kind: 'holder', by: 'dm-0' },
    ]);
  });

  it.each([
    [
      'a card says so',
      'mmc/mmc0:aaaa/block/mmcblk0',
      { 'device/type': 'SD', removable: '0', 'device/name': 'SC32G' },
      true,
    ],
    ['a soldered eMMC says so', 'mmc/mmc1:0001/block/mmcblk1', { 'device/type': 'MMC', removable: '0' }, false],
    ['a reader at USB need not', 'pci/usb2/2-1/host7/block/sdc', { removable: '0' }, true],
    ['a disk in the machine does not', 'pci/ata1/host0/block/sda', { removable: '0' }, false],
  ])('is whether it can be taken out: %s', async (_, place, files, removable) => {
    disk(place, '9:1', { size: '100', ...files });
    expect((await facts('9:1')).removable).toBe(removable);
  });

  it('is nothing of what is no disk', async () => {
    await expect(facts(undefined, '/dev/null')).rejects.toThrow('/dev/null is not a disk');
    await expect(readDiskFacts(join(folder, 'none'))).rejects.toThrow('is not there');
  });
});
