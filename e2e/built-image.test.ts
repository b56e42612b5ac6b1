import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { ImageManifest } from '@drover/builder';
import { powerOn } from './drover/board.js';
import { buildRecipe } from './drover/build.js';
import { startDrover, type Drover } from './drover/server.js';
import { trouble } from './drover/vendor-boards.js';
import { run } from './inputs/run.js';
import { createLab, type Lab } from './lab/index.js';

let folder: string;
let manifest: ImageManifest;
let lab: Lab;
let drover: Drover;
const running: { kill(): Promise<unknown> }[] = [];

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'drv-built-'));
  manifest = await buildRecipe('base', path.join(folder, 'one'));
  lab = await createLab({ name: 'built' });
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

test('a build says what is in it, and an image of the server knows the same boards', async () => {
  const { facts } = await drover.client.call('getImage', { params: { ref: 'base:1' } });
  expect(facts?.models).toEqual(expect.arrayContaining([...manifest.models]));
  expect([...(facts?.rootModes ?? [])].sort()).toEqual(['nbd', 'nfs', 'ram', 'sd', 'stream']);
  expect(manifest.packages.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['openssh-server', 'raspi-firmware']),
  );
  const info = await readFile(path.join(folder, 'one/info.sh'), 'utf8');
  expect(info).toContain(manifest.files['rootfs.sqsh']?.md5);
  const { stdout } = await run(['sha256sum', path.join(folder, 'one/initfs.tgz')]);
  expect(stdout.split(' ')[0]).toBe(manifest.files['initfs.tgz']?.sha256);
});

test('names of one file are names of one file on the disk too', async () => {
  const disk = path.join(folder, 'one/disk.img');
  const table = JSON.parse((await run(['sfdisk', '-J', disk])).stdout) as {
    partitiontable: { partitions: { start: number }[] };
  };
  const offset = (table.partitiontable.partitions[1]?.start ?? 0) * 512;
  const inodeOf = async (file: string): Promise<string | undefined> => {
    const { stdout } = await run(['debugfs', '-R', `stat ${file}`, `${disk}?offset=${offset}`]);
    expect(stdout).toMatch(/^Links: 2\b/m);
    return /^Inode: (\d+)/m.exec(stdout)?.[1];
  };
  expect(await inodeOf('/usr/bin/perl')).toBe(await inodeOf('/usr/bin/perl5.36.0'));
});

test('the same recipe gives the same bytes again', async () => {
  const again = await buildRecipe('base', path.join(folder, 'two'));
  expect(again).toEqual(manifest);
  await rm(path.join(folder, 'two'), { recursive: true });
});

// The same in root mode nbd, and from a card: built-image.long.test.ts.
test('a board comes up with it in root mode ram, and nothing in it fails', async () => {
  const [name, serial] = ['built-ram', '10000000b0117001'];
  await drover.provisioned({ name, serial, image: 'base:1', rootMode: 'ram' });
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
