import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RootMode } from '@drover/contract';
import { powerOnWithConsole } from './drover/board.js';
import { buildRecipe } from './drover/build.js';
import { startDrover, type Drover } from './drover/server.js';
import { ask as askAt } from './drover/shell.js';
import { createLab, type Guest, type Lab } from './lab/index.js';

// What docs/how-to/docker.md promises of the recipes `docker` and `docker-disk`, on boards without a card.

const systemMs = 900_000;
/** For what starts a program as large as Docker's, which the emulator has to translate first. */
const dockerMs = 300_000;
const GiB = 2 ** 30;

let folder: string;
let lab: Lab;
let drover: Drover;
let running: Guest | undefined;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-docker-'));
  lab = await createLab({ name: 'docker' });
  drover = await startDrover(lab);
});
afterEach(async () => {
  await running?.kill();
  running = undefined;
});
afterAll(async () => {
  await drover?.stop();
  await lab?.dispose();
  await rm(folder, { recursive: true, force: true });
});

/** Builds on a recipe as a user does who wants a shell on the serial line, and something to make a container of; imports it as `NAME:1`. */
async function imageOf(name: string): Promise<void> {
  const recipe = path.join(folder, `${name}-recipe`);
  await mkdir(recipe);
  const shell = {
    path: '/etc/systemd/system/serial-getty@ttyAMA0.service.d/shell.conf',
    content: '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --keep-baud 115200 %I vt220\n',
  };
  // An emulated board beside other work takes minutes where a real one takes seconds.
  const patience = {
    path: '/etc/systemd/system.conf.d/patience.conf',
    content: '[Manager]\nDefaultTimeoutStartSec=15min\nDefaultDeviceTimeoutSec=15min\n',
  };
  const document = { extends: name, packages: ['busybox-static'], files: [shell, patience] };
  await writeFile(path.join(recipe, 'recipe.yaml'), JSON.stringify(document));
  const out = path.join(folder, name);
  await buildRecipe(recipe, out);
  await drover.importImage(path.join(out, 'disk.img'), name, '1');
  await rm(out, { recursive: true });
}

/** Switches a board on and waits for its shell: one without line editing, on a console that the kernel leaves alone. */
async function started(name: string, serial: string): Promise<Guest> {
  running = await powerOnWithConsole(lab, { model: '4b', serial, memoryMb: 1024, cpus: 2 });
  await running.console.expect(`root@${name}:~# `, systemMs);
  running.send('exec sh\n');
  await running.console.expect('# ', dockerMs);
  running.send('dmesg -n 1\n');
  await running.console.expect('# ', dockerMs);
  return running;
}

const ask = (guest: Guest, command: string): Promise<string> => askAt(guest, command, dockerMs);

async function switchedOff(guest: Guest): Promise<void> {
  guest.send('poweroff\n');
  await guest.ended;
}

const provisioned = (name: string, serial: string, image: string, rootMode: RootMode, diskSize?: number) =>
  drover.provisioned({ name, serial, image, rootMode, ...(diskSize === undefined ? {} : { diskSize }) });

const dockerFacts = 'docker info --format "{{.Driver}} {{.LoggingDriver}} {{.CgroupVersion}} {{.MemoryLimit}}"';
const makeImage = [
  'mkdir -p /tmp/tree/bin && cp /bin/busybox /tmp/tree/bin/',
  'tar -C /tmp/tree -c . | docker import - box >/dev/null && echo imported',
].join(' && ');
const container = 'docker run --rm --network none box /bin/busybox echo a container speaks';

/** What is promised wherever Docker runs at all. */
async function dockerWorks(guest: Guest): Promise<void> {
  expect(await ask(guest, 'systemctl start docker && systemctl is-active docker')).toBe('active');
  expect(await ask(guest, dockerFacts)).toBe('overlay2 journald 2 true');
  expect(await ask(guest, makeImage)).toBe('imported');
  expect(await ask(guest, container)).toBe('a container speaks');
}

test('with a disk of its own a board runs containers from its root, with a network and limits', async () => {
  const [name, serial] = ['docker-nbd', '10000000d0c40001'];
  await imageOf('docker');
  await provisioned(name, serial, 'docker:1', 'nbd', 4 * GiB);
  const guest = await started(name, serial);
  await dockerWorks(guest);
  // The bridge: an address of its own, and nobody but Docker sets up the other end of the link.
  const kept = 'docker run -d --name kept --memory 64m box /bin/busybox sleep 3600 >/dev/null';
  const address = 'docker exec kept /bin/busybox ip -o -4 address show eth0 | grep -o "172[.][0-9.]*/16"';
  expect(await ask(guest, `${kept} && ${address}`)).toBe('172.17.0.2/16');
  const links = 'networkctl --no-legend list | grep -E "veth|docker0" | while read -r _ _ _ _ how; do echo $how; done';
  expect(await ask(guest, links)).toBe('unmanaged unmanaged');
  expect(await ask(guest, 'docker exec kept /bin/busybox cat /sys/fs/cgroup/memory.max')).toBe(String(64 * 2 ** 20));
  // Logs are read from the journal, and that lies in memory.
  expect(await ask(guest, 'docker run --name said box /bin/busybox echo said >/dev/null; docker logs said')).toBe(
    'said',
  );
  expect(await ask(guest, 'ls /run/log/journal | wc -l; ls /var/log/journal 2>/dev/null | wc -l')).toBe('1 0');
  await switchedOff(guest);
  // Kept: it is the board's own disk.
  const again = await started(name, serial);
  expect(await ask(again, `systemctl start docker && ${container}`)).toBe('a container speaks');
});

test('from a root in memory containers have a data disk, which is made ready once and keeps them', async () => {
  const [name, serial] = ['docker-stream', '10000000d0c40002'];
  await imageOf('docker-disk');
  await provisioned(name, serial, 'docker-disk:1', 'stream');
  const disk = `docker-${name}`;
  const created = await drover.client.call('createDisk', { body: { name: disk, size: 2 * GiB } });
  await drover.client.waitForJob(created.job ?? '');
  await drover.client.call('attachDisk', { params: { ref: disk }, body: { device: name, access: 'read-write' } });
  const guest = await started(name, serial);
  expect(await ask(guest, 'stat -f -c %T /')).toBe('overlayfs');
  await dockerWorks(guest);
  const place = 'findmnt -no SOURCE,FSTYPE /var/lib/docker; readlink /dev/disk/by-id/drover-' + disk;
  expect(await ask(guest, place)).toMatch(/^\/dev\/(nbd\d+) ext4 \.\.\/\.\.\/\1$/);
  await switchedOff(guest);
  const again = await started(name, serial);
  expect(await ask(again, `systemctl start docker && ${container}`)).toBe('a container speaks');
  // The board lets go of its disk once Docker has, and Docker can go on in memory.
  const stop = 'systemctl stop docker.socket docker var-lib-docker.mount && echo stopped';
  expect(await ask(again, stop)).toBe('stopped');
  const detached = await drover.client.call('detachDisk', { params: { ref: disk }, body: {} });
  expect(await drover.client.waitForJob(detached.job ?? '')).toMatchObject({ state: 'succeeded' });
  const memory = 'mount -t tmpfs -o size=60%,mode=710 tmpfs /var/lib/docker && systemctl start docker';
  expect(await ask(again, `${memory} && docker info --format "{{.Driver}}"`)).toBe('overlay2');
});
