import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { partitionsOf } from './card-sd/partitions.js';
import { buildRecipe, cli } from './drover/build.js';
import { startDrover, type Drover } from './drover/server.js';
import { inputs, type CompressedInput, type FastImage } from './inputs/index.js';
import { run } from './inputs/run.js';
import { createLab, packTestInitramfs, qemuVirt, type Guest, type Lab } from './lab/index.js';

// The recipe `stock`, on a card as `drover card` writes it: from Drover's system in memory to the vendor's on the card, and back.

const mac = '52:54:00:ca:4d:11';
const webPort = 8000;
const cardBytes = 3 * 2 ** 30;

let folder: string;
let lab: Lab;
let drover: Drover;
let vendor: FastImage;
let packed: CompressedInput;
const running: Guest[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-stock-'));
  vendor = await inputs.fast();
  packed = await inputs.fastCompressed('xz');
  lab = await createLab({ name: 'stock' });
  await mkdir(path.join(folder, 'web'));
  await lab.spawn(['busybox', 'httpd', '-f', '-p', `${lab.net.server}:${webPort}`, '-h', path.join(folder, 'web')], {
    ...{ at: 'server', name: 'web' },
  });
  drover = await startDrover(lab);
});
afterEach(async () => {
  for (const guest of running.splice(0)) await guest.kill();
});
afterAll(async () => {
  await drover?.stop();
  await lab?.dispose();
  await rm(folder, { recursive: true, force: true });
});

const served = (): string => path.join(folder, 'web/vendor.img.xz');

/** A recipe as a user writes it: which image, with which digest. */
async function buildStock(): Promise<string> {
  const recipe = path.join(folder, 'vendors');
  await mkdir(recipe, { recursive: true });
  const content = `url=http://${lab.net.server}:${webPort}/vendor.img.xz\nsha256=${packed.sha256}\nstart=yes\n`;
  const files = [
    { path: '/etc/stock.conf', content },
    // For whoever watches.
    {
      path: '/etc/systemd/system/stock.service.d/console.conf',
      content: '[Service]\nRestartSec=5\nStandardOutput=journal+console\nStandardError=journal+console\n',
    },
  ];
  await writeFile(path.join(recipe, 'recipe.yaml'), JSON.stringify({ extends: 'stock', files }));
  const out = path.join(folder, 'out');
  await buildRecipe(recipe, out);
  return out;
}

async function writeCard(out: string): Promise<string> {
  const card = path.join(folder, 'card.img');
  await run([
    ...['node', cli, 'card', 'image', card, '--image', out, '--card-server', lab.net.server, '--size', '3G'],
    ...['--device', 'stocked', '--hostname', 'stocked'],
  ]);
  return card;
}

/** What the firmware takes from the partition it starts from, which QEMU cannot. */
async function firmwareFiles(card: string, number: number): Promise<{ kernel: string; cmdline: string; dir: string }> {
  const dir = await mkdtemp(path.join(folder, 'boot-'));
  const { start } = (await partitionsOf(card))[number - 1] ?? {};
  await run(['mcopy', '-n', '-i', `${card}@@${(start ?? 0) * 512}`, '::*', '-s', dir]);
  const cmdline = (await readFile(path.join(dir, 'cmdline.txt'), 'utf8')).trim();
  return { kernel: path.join(dir, 'kernel8.img'), cmdline, dir };
}

async function start(card: string, boot: { kernel: string; initrd: string; append: string }): Promise<Guest> {
  const guest = await qemuVirt({
    ...{ lab, mac, smp: 2, memoryMiB: 1024, ...boot },
    qemuArgs: [
      ...['-drive', `file=${card},format=raw,if=none,id=card`],
      ...['-device', 'virtio-blk-device,drive=card'],
    ],
  });
  running.push(guest);
  return guest;
}

/** The partition that firmware goes on with, as autoboot.txt of the first one says. */
async function chosen(card: string): Promise<string> {
  const [first] = await partitionsOf(card);
  const image = `${card}@@${(first?.start ?? 0) * 512}`;
  const { stdout } = await run(['mtype', '-i', image, '::autoboot.txt']);
  expect(Buffer.byteLength(stdout)).toBe(512);
  return (
    /^\[all\]\ntryboot_a_b=1\nboot_partition=(\d)\n\[tryboot\]\nboot_partition=\d\n# *\n$/.exec(stdout)?.[1] ?? stdout
  );
}

/** Drover's own system, from partition 1. */
async function startDroverSystem(card: string): Promise<Guest> {
  const { kernel, dir } = await firmwareFiles(card, 1);
  return start(card, {
    ...{ kernel, initrd: path.join(dir, 'initrd.img'), append: 'console=ttyAMA0 systemd.show_status=0' },
  });
}

test('the vendor’s system is written, started, and left again; Drover stays on the card throughout', async () => {
  const out = await buildStock();
  await drover.client.call('createDevice', { body: { name: 'stocked', mac, model: 'virt' } });
  await drover.importImage(path.join(out, 'disk.img'), 'stock', '1');
  await drover.client.call('provision', { body: { image: 'stock:1', device: 'stocked' } });
  await drover.deviceUntil('stocked', ({ state }) => state === 'in-use', 300_000);
  // The same image, packed otherwise: not the file whose digest was given.
  const other = await inputs.fastCompressed('zst');
  await copyFile(other.path, served());
  const card = await writeCard(out);
  const before = await partitionsOf(card);
  const first = await startDroverSystem(card);
  await first.console.expect(`is ${other.sha256}, not ${packed.sha256}`, 600_000);
  expect(await chosen(card)).toBe('1');
  await copyFile(packed.path, served());
  // It tries again. A restart of the board ends the emulator.
  await first.console.expect(/stock: it is on the card/, 600_000);
  await first.ended;
  expect(await chosen(card)).toBe('2');
  const parts = await partitionsOf(card);
  expect(parts.map(({ type }) => type)).toEqual(['c', 'c', '83']);
  expect(parts[0]).toMatchObject({ start: before[0]?.start, size: before[0]?.size });
  expect(((parts[2]?.start ?? 0) + (parts[2]?.size ?? 0)) * 512).toBe(cardBytes);

  const { kernel, cmdline, dir } = await firmwareFiles(card, 2);
  const id = (await run(['sfdisk', '--disk-id', card])).stdout.trim().slice(2);
  expect(cmdline).toContain(`root=PARTUUID=${id}-03`);
  const initrd = await packTestInitramfs({
    ...{ dir, rootDir: vendor.rootDir, kernelRelease: vendor.kernelRelease },
    modules: ['virtio_mmio', 'virtio_blk', 'ext4', 'crc32c_generic', 'vfat', 'nls_ascii', 'nls_cp437', 'nls_utf8'],
    script: 'mount -t ext4 /dev/vda3 /mnt && exec switch_root /mnt /sbin/init',
  });
  const second = await start(card, { kernel, initrd, append: `${cmdline} console=ttyAMA0` });
  await second.console.expect('fast image is up: fastpi', 240_000);
  second.send('cat /etc/fstab; /usr/local/sbin/drover-return\n');
  await second.console.expect(`PARTUUID=${id}-03 / ext4`, 30_000);
  await second.console.expect('starts Drover from now on', 60_000);
  await second.ended;
  expect(await chosen(card)).toBe('1');

  // Back, and it stays so: what is on the card is not written again.
  const third = await startDroverSystem(card);
  await third.console.expect('a system is on the card; stock start starts it', 600_000);
  expect((await drover.untilUp('stocked')).state).toBe('in-use');
  await third.kill();
  expect(await partitionsOf(card)).toEqual(parts);
});
