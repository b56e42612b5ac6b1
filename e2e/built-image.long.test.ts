import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { powerOn } from './drover/board.js';
import { buildRecipe } from './drover/build.js';
import { startDrover, type Drover } from './drover/server.js';
import { trouble } from './drover/vendor-boards.js';
import { run } from './inputs/run.js';
import { createLab, qemuVirt, type Lab } from './lab/index.js';

let folder: string;
let lab: Lab;
let drover: Drover;
const running: { kill(): Promise<unknown> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-built-long-'));
  await buildRecipe('base', path.join(folder, 'one'));
  lab = await createLab({ name: 'built-long' });
  drover = await startDrover(lab);
  await drover.importImage(path.join(folder, 'one/disk.img'), 'base', '1');
});
afterEach(async () => {
  for (const pi of running.splice(0)) await pi.kill();
});
afterAll(async () => {
  await drover?.stop();
  await lab?.dispose();
  await rm(folder, { recursive: true, force: true });
});

test('a board comes up with it in root mode nbd, and nothing in it fails', async () => {
  const [name, serial] = ['built-nbd', '10000000b0117002'];
  await drover.provisioned({ name, serial, image: 'base:1', rootMode: 'nbd' });
  const options = { model: '4b', serial, memoryMb: 1024, cpus: 2, append: 'systemd.show_status=1' };
  const pi = await powerOn(lab, options);
  running.push(pi);
  const device = await drover.untilUp(name, null, 600_000).catch((fault: Error) => {
    throw new Error(`${fault.message}\n${pi.guestConsole().slice(-4000)}`);
  });
  const reports = (await drover.timelineOf(device.lastSession)).flatMap(({ entry }) =>
    entry.type === 'report' && entry.step === 'up' && entry.state !== 'info' ? [entry] : [],
  );
  expect(reports).toMatchObject([{ state: 'ok', message: expect.stringMatching(/, running$/) as string }]);
  expect(pi.guestConsole()).not.toMatch(trouble);
});

test('a card with it starts by itself, from its own initramfs, and says so on its console', async () => {
  const boot = path.join(folder, 'boot');
  await mkdir(boot);
  await run(['tar', '-xzf', path.join(folder, 'one/initfs.tgz'), '-C', boot]);
  const parameters = (await readFile(path.join(boot, 'cmdline.txt'), 'utf8')).trim();
  const guest = await qemuVirt({
    ...{ lab, smp: 2, memoryMiB: 512, kernel: path.join(boot, 'kernel8.img'), initrd: path.join(boot, 'initrd.img') },
    append: `${parameters} console=ttyAMA0`,
    qemuArgs: [
      ...['-drive', `file=${path.join(folder, 'one/disk.img')},format=raw,if=none,id=card`],
      ...['-device', 'virtio-blk-device,drive=card'],
    ],
  });
  running.push(guest);
  await guest.console.expect(/drover: root: PARTUUID=[0-9a-f]{8}-02/, 60_000);
  await guest.console.expect(`drover login: `, 300_000);
  expect(guest.console.text()).not.toMatch(/Failed to start|emergency mode/);
});
