import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { TimelineEntry } from '@drover/contract';
import { createBoard, createIdentity } from '@drover/simulator';
import { readCpio } from '@drover/disk-image';
import { gunzipSync } from 'node:zlib';
import { curl, DeviceClient } from './netboot-lab.js';
import {
  debugfs,
  kernelFile,
  modulesOf,
  mtools,
  partitions,
  startOwnDiskLab,
  type OwnDiskLab,
} from './own-disk-lab.js';

// Boards in root mode nbd boot what lies on their own disk, which a guest may have written anything to.

let lab: OwnDiskLab;
/** A board with a disk, others for each test. */
let own: string;
let disk: string;
let device: string;
let boards = 0;

/** A board that nobody knows yet, and a disk for it. */
const fresh = (): { prefix: string; id: string } => {
  boards += 1;
  const two = String(boards).padStart(2, '0');
  return { prefix: `91cdf0${two}`, id: `dsk_01JZ5M8K7Q2W3E4R5T6Y7V8B${two}` };
};

/** A boot plane for these tests: one takes up eight unknown boards from an address in a minute, and all here have the same. */
function inLab(): void {
  beforeAll(async () => {
    lab = await startOwnDiskLab();
  });
  beforeEach(async () => {
    const { prefix, id } = fresh();
    [own, disk] = [prefix, id];
    device = await lab.withDisk(own, disk);
  });
  afterAll(() => lab.close());
}

const tftp = (name: string, board = own) => curl(`${lab.tftpUrl}/${board}/${name}`);
const http = (name: string, board = own) => curl(`${lab.httpUrl()}/netboot/${board}/${name}`);
const text = async (name: string, board = own): Promise<string> => String(await tftp(name, board));
type FilesEntry = Extract<TimelineEntry, { type: 'boot.files' }>;
const isFiles = (entry: TimelineEntry): entry is FilesEntry => entry.type === 'boot.files';
const entry = async (of = device): Promise<FilesEntry> =>
  (await lab.timeline(of, (all) => all.some(isFiles))).find(isFiles)!;

/** The initramfs spoke: the first file asked for after it begins another boot. */
async function nextBoot(board = own): Promise<void> {
  const client = new DeviceClient(await text('cmdline.txt', board));
  expect(await client.report('network', 'ok', `Secret ${client.secret}`)).toBe(204);
  await tftp('start4.elf', board);
  expect(new DeviceClient(await text('cmdline.txt', board)).session).not.toBe(client.session);
}
const change = (name: string, bytes: Buffer | string) =>
  lab.onBoot(disk, async (fat) => mtools('mcopy', '-o', '-i', fat, await lab.local(bytes), `::${name}`));

describe('a board whose disk has boot files of its own', () => {
  inLab();

  it('is told its image’s as long as nothing was changed, without copies', async () => {
    expect((await tftp('kernel8.img'))?.equals(lab.bootFiles.get('kernel8.img')!)).toBe(true);
    expect(await text('cmdline.txt')).toMatch(/^console=serial0,115200 console=tty1 quiet drover\.url=/);
    expect(await entry()).toMatchObject({ disk, from: 'image', files: 0, bytes: 0, warnings: [] });
    expect(await readdir(lab.copies)).toEqual([]);
    // What is written elsewhere on the disk changes nothing.
    await lab.write(disk, partitions.root.offset + 4096, randomBytes(100_000));
    await nextBoot();
    expect(await entry()).toMatchObject({ from: 'image' });
  });

  it('gets what was changed, added and deleted, over TFTP and HTTP; another board of the image does not', async () => {
    const { prefix: other, id } = fresh();
    await lab.withDisk(other, id);
    const big = randomBytes(11_000_003);
    const kernel = kernelFile('6.6.31-v8', 3_000_000);
    await lab.onBoot(disk, async (fat) => {
      const copy = async (bytes: Buffer | string, name: string) =>
        mtools('mcopy', '-o', '-i', fat, await lab.local(bytes), `::${name}`);
      await copy('console=serial0,115200 own.word=1 root=/dev/mmcblk0p2 quiet\n', 'cmdline.txt');
      await copy('arm_64bit=1\ninclude extra/more.txt\n', 'config.txt');
      await mtools('mmd', '-i', fat, '::extra');
      await copy('kernel=vmlinuz-own\n', 'extra/more.txt');
      await copy(kernel, 'vmlinuz-own');
      await copy(big, 'start4.elf');
      await copy(randomBytes(0), 'ssh');
      await mtools('mdel', '-i', fat, '::overlays/README');
    });
    const everywhere = async (name: string): Promise<Buffer | undefined> => {
      const [one, two] = [await tftp(name), await http(name)];
      expect(one?.equals(two!), name).toBe(one === undefined ? undefined : true);
      return one;
    };
    expect((await everywhere('start4.elf'))?.equals(big)).toBe(true);
    expect((await everywhere('vmlinuz-own'))?.equals(kernel)).toBe(true);
    expect((await everywhere('bcm2711-rpi-4-b.dtb'))?.equals(lab.bootFiles.get('bcm2711-rpi-4-b.dtb')!)).toBe(true);
    expect(await everywhere('overlays/README')).toBeUndefined();
    expect((await everywhere('extra/more.txt'))?.toString()).toBe('kernel=vmlinuz-own\n');
    expect((await everywhere('ssh'))?.length).toBe(0);
    expect((await everywhere('cmdline.txt'))?.toString()).toMatch(
      /^console=serial0,115200 own\.word=1 quiet drover\.url=\S+ drover\.session=\S+ drover\.secret=\S+ drover\.mode=nbd /,
    );
    expect((await everywhere('config.txt'))?.toString()).toBe(
      'arm_64bit=1\ninclude extra/more.txt\n[all]\nauto_initramfs=0\ninitramfs drover.img followkernel\n',
    );
    const part = await curl(`${lab.httpUrl()}/netboot/${own}/start4.elf`, '-r', '9000000-9000099');
    expect(part?.equals(big.subarray(9_000_000, 9_000_100))).toBe(true);
    const told = await entry();
    expect(told).toMatchObject({ disk, from: 'disk', warnings: [] });
    // Whole clusters of the disk are its own: of the image's files some beside those that were changed.
    expect(told.files).toBeGreaterThanOrEqual(5);
    expect(told.bytes).toBeLessThan(big.length + kernel.length + 3_000_000);

    expect(await text('cmdline.txt', other)).toMatch(/^console=serial0,115200 console=tty1 quiet drover\.url=/);
    expect((await tftp('start4.elf', other))?.equals(lab.bootFiles.get('start4.elf')!)).toBe(true);
    expect(await tftp('vmlinuz-own', other)).toBeUndefined();
  });

  it('is seen so by a simulated board, from its first request to the kernel it loads', async () => {
    const kernel = kernelFile('6.6.31-v8', 1_000_000);
    await change('kernel8.img', kernel);
    await change('cmdline.txt', 'simulated.word=1\n');
    const board = createBoard({
      identity: createIdentity({ model: '4b', serial: `10000000${own}` }),
      network: { mode: 'static', address: '127.0.0.1', server: '127.0.0.1', tftpPort: lab.tftpPort },
      clockScale: 0.5,
    });
    const booted = await board.boot();
    if (!booted.ok) throw new Error(JSON.stringify(booted.failure));
    expect(booted.image.cmdline).toMatch(/^simulated\.word=1 drover\.url=/);
    expect(booted.image.kernel.bytes?.equals(kernel)).toBe(true);
  });

  it('has one set of files for a whole boot, whatever is written meanwhile, and the new ones at the next', async () => {
    await change('cmdline.txt', 'set=1\n');
    await change('note.bin', Buffer.alloc(70_000, 1));
    expect(await text('cmdline.txt')).toMatch(/^set=1 /);
    await change('cmdline.txt', 'set=2\n');
    await change('note.bin', Buffer.alloc(70_000, 2));
    await change('late.bin', 'late');
    const same = async (): Promise<void> => {
      expect(await text('cmdline.txt')).toMatch(/^set=1 /);
      expect((await tftp('note.bin'))?.equals(Buffer.alloc(70_000, 1))).toBe(true);
      expect(await tftp('late.bin')).toBeUndefined();
    };
    await same();
    const port = Number(new URL(lab.httpUrl()).port);
    lab.settings.boot.http.listen = [{ host: '127.0.0.1', port }];
    const before = await text('cmdline.txt');
    await lab.planeDown();
    await lab.planeUp();
    await same();
    expect(await text('cmdline.txt')).toBe(before);
    await nextBoot();
    expect(await text('cmdline.txt')).toMatch(/^set=2 /);
    expect((await tftp('note.bin'))?.equals(Buffer.alloc(70_000, 2))).toBe(true);
    expect(String(await tftp('late.bin'))).toBe('late');
  });

  it('has its files read again when the copies are gone', async () => {
    await change('note.bin', Buffer.alloc(70_000, 1));
    expect((await tftp('note.bin'))?.length).toBe(70_000);
    for (const name of await readdir(lab.copies)) await rm(`${lab.copies}/${name}`);
    expect((await http('note.bin'))?.equals(Buffer.alloc(70_000, 1))).toBe(true);
    await lab.planeDown();
    for (const name of await readdir(lab.copies)) await rm(`${lab.copies}/${name}`);
    await lab.planeUp();
    expect((await tftp('note.bin'))?.equals(Buffer.alloc(70_000, 1))).toBe(true);
  });
});

describe('a boot partition that cannot be read', () => {
  inLab();

  const broken: [string, () => Promise<void>, RegExp][] = [
    [
      'as its allocation table is full of rubbish',
      () => lab.write(disk, partitions.boot.offset + 4 * 512 + 8, Buffer.alloc(8_000, 0x5a)),
      /image\.fat\./,
    ],
    [
      'as its boot sector is gone',
      () => lab.write(disk, partitions.boot.offset, Buffer.alloc(512)),
      /no-boot-partition/,
    ],
    ['as there is no partition table any more', () => lab.write(disk, 0, Buffer.alloc(512)), /no-partition-table/],
    [
      'as nothing is on it',
      () =>
        lab.onBoot(disk, async (fat) => {
          for (const name of lab.bootFiles.keys()) await mtools('mdel', '-i', fat, `::${name}`);
        }),
      /neither firmware nor a kernel/,
    ],
  ];

  it.each(broken)('%s: the image’s files are booted, and the timeline says why', async (_how, damage, why) => {
    await change('cmdline.txt', 'mine=1\n');
    await damage();
    expect(await text('cmdline.txt')).toMatch(/^console=serial0,115200 console=tty1 quiet /);
    expect((await tftp('kernel8.img'))?.equals(lab.bootFiles.get('kernel8.img')!)).toBe(true);
    const told = await entry();
    expect(told).toMatchObject({ from: 'image', files: 0 });
    expect(told.warnings).toEqual([expect.stringMatching(why)]);
    expect(told.warnings[0]).toContain('boots the files of its image');
  });

  it('in full is read as far as it goes when it was only not unmounted', async () => {
    await change('cmdline.txt', 'mine=1\n');
    await lab.write(disk, partitions.boot.offset + 0x25, Uint8Array.of(1));
    expect(await text('cmdline.txt')).toMatch(/^mine=1 /);
    expect((await entry()).warnings).toEqual([expect.stringContaining('not unmounted in order')]);
  });
});

describe('a kernel that was upgraded on the disk', () => {
  inLab();

  const module = randomBytes(40_000);
  const initramfs = async (): Promise<Map<string, Uint8Array>> => {
    const bytes = (await tftp('drover.img'))!;
    // The common part is not a real archive here: 100,001 bytes, and zeros up to a multiple of four.
    const entries = readCpio(gunzipSync(bytes.subarray(100_004)));
    return new Map(entries.map((each) => [each.path, each.data]));
  };

  it('gets modules of its own root, packed once', async () => {
    await change('kernel8.img', kernelFile('6.12.25-v8'));
    await lab.newRoot(disk, modulesOf('6.12.25-v8', { nbd: module }));
    const found = await initramfs();
    expect(Buffer.from(found.get('lib/modules/6.12.25-v8/kernel/nbd.ko') ?? []).equals(module)).toBe(true);
    expect(await entry()).toMatchObject({ from: 'disk', warnings: [] });
    const before = (await readdir(lab.copies)).sort();
    expect(before.filter((name) => name.startsWith('part-'))).toHaveLength(1);
    await nextBoot();
    expect((await initramfs()).has('lib/modules/6.12.25-v8/kernel/nbd.ko')).toBe(true);
    expect((await readdir(lab.copies)).sort()).toEqual(before);
    // The same release built anew is another kernel.
    const rebuilt = randomBytes(50_000);
    await lab.newRoot(disk, modulesOf('6.12.25-v8', { nbd: rebuilt }));
    await nextBoot();
    const again = (await initramfs()).get('lib/modules/6.12.25-v8/kernel/nbd.ko');
    expect(Buffer.from(again ?? []).equals(rebuilt)).toBe(true);
  });

  it('gets modules that were in the journal of its root only when the power went', async () => {
    await change('kernel8.img', kernelFile('6.12.25-v8'));
    await lab.newUnfinishedRoot(disk, modulesOf('6.12.25-v8', { nbd: module }));
    const found = await initramfs();
    expect(Buffer.from(found.get('lib/modules/6.12.25-v8/kernel/nbd.ko') ?? []).equals(module)).toBe(true);
    expect(await entry()).toMatchObject({ from: 'disk', warnings: [] });
    // Without a journal they are not to be seen, and the timeline says why.
    await lab.onRoot(disk, (ext4) => debugfs(ext4, 'feature ^has_journal'));
    await nextBoot();
    expect((await entry()).warnings).toEqual([
      expect.stringMatching(/not unmounted in order, and its journal is not there: .*read as they are on the disk/),
      expect.stringMatching(/6\.12\.25-v8.*no modules\.dep/),
    ]);
  });

  it('is booted without them when the root has none, and the timeline says so', async () => {
    await change('kernel8.img', kernelFile('6.12.25-v8'));
    expect((await tftp('kernel8.img'))?.toString('latin1', 4096, 4120)).toBe('Linux version 6.12.25-v8');
    const told = await entry();
    expect(told).toMatchObject({ from: 'disk' });
    expect(told.warnings).toEqual([expect.stringMatching(/6\.12\.25-v8.*no modules\.dep.*without modules of its own/)]);
    expect((await tftp('drover.img'))?.length).toBe(100_001 + 3 + 50_002);
  });

  it('is said to have no network block device where it has none', async () => {
    await change('kernel8.img', kernelFile('6.12.25-v8'));
    await lab.newRoot(disk, modulesOf('6.12.25-v8', { usbnet: module }));
    await tftp('drover.img');
    expect((await entry()).warnings).toEqual(["Kernel 6.12.25-v8 has no nbd: it cannot attach the board's disk."]);
  });
});
