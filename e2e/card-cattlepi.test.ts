import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCardBoard, type CardBoard } from './card-sd/card-board.js';
import { startDrover, type Drover } from './drover/server.js';
import { inputs } from './inputs/index.js';
import { run } from './inputs/run.js';
import { createLab, type Lab } from './lab/index.js';
import { packTestInitramfs } from './lab/testInitramfs.js';

// A card in CattlePi's format, with its kernel parameters, its md5 and its calls in their order, boots against the server. What runs on
// it is a client written from what CattlePi's cards send (cattlepi/original-card.sh).

const script = fileURLToPath(new URL('./cattlepi/original-card.sh', import.meta.url));
const key = 'cow-4711-barn';
const id = 'kitchen';
const filesPort = 8099;
const bootMs = 300_000;

let lab: Lab;
let drover: Drover;
let board: CardBoard | undefined;

beforeAll(async () => {
  lab = await createLab({ name: 'cattlepi' });
  drover = await startDrover(lab, { settings: { http: { listen: ['127.0.0.1:8080', '0.0.0.0:4567'] } } });
});
afterAll(async () => {
  await board?.off();
  await drover?.stop();
  await lab?.dispose();
});

const curl = async (...args: string[]): Promise<string> =>
  (await lab.run(['curl', '-sS', '--fail', ...args], { at: 'server' })).stdout;
const api = (where: string): string => `http://127.0.0.1:4567${where}`;
const md5 = async (file: string): Promise<string> =>
  createHash('md5')
    .update(await readFile(file))
    .digest('hex');

/** The files of a build, as they lay on any web server. */
async function publish(): Promise<{ initfs: string; rootfs: string }> {
  const folder = path.join(lab.dir, 'published');
  const boot = path.join(folder, 'boot');
  await mkdir(boot, { recursive: true });
  await writeFile(path.join(boot, 'release.txt'), 'the second release\n');
  const [initfs, rootfs] = [path.join(folder, 'initfs.tgz'), path.join(folder, 'rootfs.sqsh')];
  await run(['tar', '-C', boot, '-czf', initfs, 'release.txt']);
  await run(['mksquashfs', (await inputs.fast()).rootDir, rootfs, '-quiet', '-no-progress', '-comp', 'gzip']);
  await lab.spawn(['busybox', 'httpd', '-f', '-p', String(filesPort), '-h', folder], { at: 'server', name: 'files' });
  return { initfs, rootfs };
}

/** One FAT partition with everything on it, as CattlePi's cards have. */
async function makeCard(): Promise<string> {
  const { bootDir, rootDir, kernelRelease } = await inputs.fast();
  const initramfs = await packTestInitramfs({
    ...{ dir: lab.dir, rootDir, kernelRelease, script: await readFile(script, 'utf8') },
    modules: [
      ...['virtio_mmio', 'virtio_net', 'virtio_blk', 'vfat', 'nls_cp437', 'nls_ascii', 'nls_iso8859-1'],
      ...['loop', 'squashfs', 'overlay'],
    ],
  });
  const card = path.join(lab.dir, 'card.img');
  await run(['truncate', '-s', '256M', card]);
  await run(['sh', '-c', 'echo "start=2048, type=c" | sfdisk -q "$1"', 'sh', card]);
  const place = `${card}@@1M`;
  await run(['mformat', '-i', place, '-F', '-T', String(255 * 2048), '::']);
  await run(['sh', '-c', 'mcopy -Q -i "$1" -s "$2"/* ::', 'sh', place, bootDir]);
  const files = {
    'config.txt': 'arm_64bit=1\ninitramfs original.gz followkernel\n',
    'cmdline.txt': `boot=cattlepi cattlepi_base=http://${lab.net.server}:4567 cattlepi_apikey=${key} cattlepi_id=${id} quiet\n`,
  };
  for (const [name, text] of Object.entries(files)) {
    await writeFile(path.join(lab.dir, name), text);
    await run(['mcopy', '-o', '-i', place, path.join(lab.dir, name), `::${name}`]);
  }
  await run(['mcopy', '-i', place, initramfs, '::original.gz']);
  return card;
}

test('a card of CattlePi fetches its config, updates its boot files, restarts and runs its root', async () => {
  await drover.client.call('importKey', { body: { name: 'old-cards', key, role: 'operator' } });
  const { initfs, rootfs } = await publish();
  const at = (file: string): string => `http://${lab.net.server}:${filesPort}/${path.basename(file)}`;
  const config = {
    initfs: { url: at(initfs), md5sum: await md5(initfs) },
    rootfs: { url: at(rootfs), md5sum: await md5(rootfs) },
    bootcode: Buffer.from('echo "original: bootcode runs"\n').toString('base64'),
    config: { ssh: { pi: { authorized_keys: [] } } },
  };
  const posted = await curl('-H', `X-Api-Key: ${key}`, '-d', JSON.stringify(config), api(`/boot/${id}/config`));
  expect(JSON.parse(posted)).toEqual({ status: 'ok' });

  const card = await makeCard();
  board = createCardBoard({ lab, card, mac: '52:54:00:ca:77:1e', append: 'panic=5' });
  board.on();
  const first = await board.saw('original: restarting', bootMs);
  const said = first.guest.console.text();
  for (const words of ['clock', 'a new config', 'initfs is right', 'rootfs is right', 'unpacking initfs over /boot'])
    expect(said).toContain(`original: ${words}`);
  const second = await board.saw('fast image is up', bootMs, 1);
  expect(second.guest.console.text()).toContain('original: bootcode runs');
  expect(second.guest.console.text()).not.toContain('original: fetching');
  await board.off();
  const { stdout } = await run(['mtype', '-i', `${card}@@1M`, '::release.txt']);
  expect(stdout).toBe('the second release\n');

  const lines = JSON.parse(await curl('-H', `X-Api-Key: ${key}`, api(`/track/${id}`))) as string[];
  const told = lines.map((line) => line.replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} /, ''));
  expect(told.map((line) => (line.startsWith('BOOT GET') ? 'BOOT GET' : line))).toEqual([
    ...['BOOT GET', 'config fetched', 'initfs updated'],
    ...['BOOT GET', 'config fetched', 'starting the root'],
  ]);
});
