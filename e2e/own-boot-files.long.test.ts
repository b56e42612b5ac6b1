import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Device, TimelineEntry } from '@drover/contract';
import { powerOnWithConsole } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import type { Drover } from './drover/server.js';
import { ask as askAt, shellOf } from './drover/shell.js';
import { inputs } from './inputs/index.js';
import type { Guest, Lab } from './lab/index.js';

// A board that upgrades its kernel on its own disk boots that kernel next.

const filesPort = 8099;
let fast: FastLab;
let lab: Lab;
let drover: Drover;
let guest: Guest | undefined;

beforeAll(async () => {
  fast = await startFastLab('ownfiles');
  ({ lab, drover } = fast);
});
afterEach(async () => {
  await guest?.kill();
  guest = undefined;
});
afterAll(() => fast?.stop());

/** Switches the board on and waits for the shell of its system. */
async function booted(name: string, serial: string, after: string | null = null): Promise<Device> {
  guest = await powerOnWithConsole(lab, { model: '4b', serial });
  const device = await drover.untilUp(name, after);
  await shellOf(guest);
  return device;
}

/** Asks the board that is on. */
const ask = (command: string, ms?: number): Promise<string> => {
  if (guest === undefined) throw new Error('no board is on');
  return askAt(guest, command, ms);
};

const timelineOf = async (session: string | null): Promise<TimelineEntry[]> =>
  (await drover.timelineOf(session)).map(({ entry }) => entry);

test('a kernel, its modules and a command line that were written on the board’s own disk are what it boots next', async () => {
  const name = 'upgraded';
  const serial = '10000000d15c0011';
  const upgrade = await inputs.otherKernel();
  const server = ['busybox', 'httpd', '-f', '-p', String(filesPort), '-h', upgrade.dir];
  await lab.spawn(server, { at: 'server', name: 'packages' });
  await drover.provisioned({ name, serial, image: 'fast:1', rootMode: 'nbd' });

  const first = await booted(name, serial);
  const before = await ask('uname -r');
  expect(before).not.toBe(upgrade.release);
  expect(await timelineOf(first.lastSession)).toContainEqual(
    expect.objectContaining({ type: 'boot.files', from: 'image', files: 0, warnings: [] }),
  );
  const address = await ask('sed "s|.*drover.url=http://||; s|:.*||" /proc/cmdline');
  expect(await ask(`wget -q -O - http://${address}:${filesPort}/kernel.tar | tar x -C / && echo unpacked`)).toBe(
    'unpacked',
  );
  const steps = [
    'modprobe vfat',
    'mount -t vfat /dev/nbd0p1 /boot/firmware',
    'cp /root/vmlinuz /boot/firmware/kernel8.img',
    'sed -i "s/rootwait/rootwait own.word=kept/" /boot/firmware/cmdline.txt',
    'umount /boot/firmware',
    'sync',
    'echo upgraded',
  ];
  expect(await ask(steps.join(' && '))).toBe('upgraded');
  guest?.send('reboot\n');
  await guest?.ended;

  const second = await booted(name, serial, first.lastSession);
  expect(await ask('uname -r')).toBe(upgrade.release);
  expect(await ask('grep -o "own.word=[a-z]*" /proc/cmdline; grep -c "^/dev/nbd0p2 / ext4" /proc/mounts')).toBe(
    'own.word=kept 1',
  );
  const files = (await timelineOf(second.lastSession)).find(({ type }) => type === 'boot.files');
  expect(files).toMatchObject({ from: 'disk', warnings: [] });

  // Another board of the image has the image's kernel.
  guest?.send('poweroff\n');
  await guest?.ended;
  await drover.client.call('releaseDevice', { params: { ref: name } });
  await drover.client.call('provision', { body: { image: 'fast:1', device: name, rootMode: 'nbd' } });
  await drover.deviceUntil(name, ({ state }) => state === 'in-use', 60_000);
  await booted(name, serial, second.lastSession);
  expect(await ask('uname -r')).toBe(before);
});
