import { mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { TimelineItem } from '@drover/contract';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { run } from './inputs/run.js';
import { qemuVirt, type Guest } from './lab/index.js';

let fast: FastLab;
const running: Guest[] = [];

beforeAll(async () => {
  fast = await startFastLab('card');
});
afterEach(async () => {
  for (const guest of running.splice(0)) await guest.kill();
});
afterAll(() => fast?.stop());

/** A card as a person makes it: the archive of the server, unpacked onto one plain FAT partition. */
interface Card {
  readonly image: string;
  readonly folder: string;
}

async function writeCard(query: { readonly device?: string } = {}): Promise<Card> {
  const { lab, drover } = fast;
  const own = await mkdtemp(path.join(lab.dir, 'card-'));
  const archive = path.join(own, 'card.tgz');
  const pieces: Uint8Array[] = [];
  for await (const piece of drover.client.download('downloadImageCard', { params: { ref: 'fast:1' }, query }))
    pieces.push(piece);
  await writeFile(archive, Buffer.concat(pieces));
  const folder = path.join(own, 'files');
  await mkdir(folder);
  await run(['tar', '-xzf', archive, '-C', folder]);
  const image = path.join(own, 'card.img');
  await run(['truncate', '-s', '256M', image]);
  await run(['sh', '-c', 'echo "start=2048, type=c" | sfdisk -q "$1"', 'sh', image]);
  await run(['mformat', '-i', `${image}@@1M`, '-F', '-T', String(255 * 2048), '::']);
  await run(['sh', '-c', 'mcopy -i "$1" -s "$2"/* ::', 'sh', `${image}@@1M`, folder]);
  return { image, folder };
}

/** QEMU has no firmware of a Pi: kernel and initramfs are given to it, as the firmware loads them from the card. */
async function plugIn({ image, folder }: Card, mac: string): Promise<Guest> {
  const guest = await qemuVirt({
    ...{ lab: fast.lab, mac, kernel: path.join(folder, 'kernel8.img'), initrd: path.join(folder, 'drover.img') },
    append: 'console=ttyAMA0',
    qemuArgs: [
      ...['-drive', `file=${image},format=raw,if=none,id=card,readonly=on`],
      ...['-device', 'virtio-blk-device,drive=card'],
    ],
  });
  running.push(guest);
  return guest;
}

const provisioned = async (name: string, mac: string): Promise<void> => {
  const { client } = fast.drover;
  await client.call('createDevice', { body: { name, mac, model: 'virt' } });
  await client.call('provision', { body: { image: 'fast:1', device: name } });
  await fast.drover.deviceUntil(name, ({ state }) => state === 'in-use', 300_000);
};

const stepsOf = (items: readonly TimelineItem[]): string[] =>
  items.flatMap(({ entry }) => (entry.type === 'report' && entry.state === 'ok' ? [entry.step] : []));

test('a board with nothing but the server’s archive on a plain FAT partition comes up, each step on its timeline', async () => {
  const { drover } = fast;
  const mac = '52:54:00:ca:4d:01';
  await provisioned('carded', mac);
  const guest = await plugIn(await writeCard({ device: 'carded' }), mac);
  const device = await drover.untilUp('carded').catch((fault: Error) => {
    throw new Error(`${fault.message}\n${guest.console.text().slice(-4000)}`);
  });
  const session = await drover.client.call('getSession', { params: { id: device.lastSession ?? '' } });
  expect(session).toMatchObject({ outcome: 'up', stage: 'up', verdict: null, mac });
  const items = await drover.timelineOf(session.id);
  const steps = ['start', 'modules', 'card', 'network', 'ask', 'clock', 'exchange', 'download', 'switch', 'up'];
  expect(stepsOf(items).filter((step) => steps.includes(step))).toEqual(steps);
  expect(items.find(({ entry }) => entry.type === 'card.asked')?.entry).toMatchObject({ outcome: 'booting' });
});

test('a board whose server is away, and then has nothing for it, waits and comes up in the end', async () => {
  const { drover } = fast;
  const mac = '52:54:00:ca:4d:02';
  const card = await writeCard();
  // The one that watches the planes first, that it does not start others instead.
  const away = [drover.process.pid, await drover.pidOf('boot'), await drover.pidOf('control')];
  for (const pid of away) process.kill(pid, 'SIGSTOP');
  const guest = await plugIn(card, mac);
  try {
    await guest.console.expect(/drover: asking \S+ again: no answer/, 240_000);
  } finally {
    for (const pid of away) process.kill(pid, 'SIGCONT');
  }
  const isReady = async (): Promise<boolean> =>
    (await fetch(`${drover.url}/readyz`).catch(() => undefined))?.ok === true;
  await expect.poll(isReady, { timeout: 120_000, interval: 500 }).toBe(true);
  await drover.client.call('createDevice', { body: { name: 'patient', mac, model: 'virt' } });
  await guest.console.expect(/drover: asking \S+ again: .*no image is assigned/, 120_000);
  await drover.client.call('provision', { body: { image: 'fast:1', device: 'patient' } });
  const device = await drover.untilUp('patient').catch((fault: Error) => {
    throw new Error(`${fault.message}\n${guest.console.text().slice(-4000)}`);
  });
  expect(stepsOf(await drover.timelineOf(device.lastSession))).toEqual(expect.arrayContaining(['card', 'ask', 'up']));
});
