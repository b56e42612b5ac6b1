import { readdir } from 'node:fs/promises';
import path from 'node:path';
import type { Disk, RootMode } from '@drover/contract';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOnWithConsole } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { nfsServices } from './drover/nfs-services.js';
import { ask, shellOf } from './drover/shell.js';
import type { Guest } from './lab/index.js';

// Two boards at once, in one root mode after another: given an image, files, settings and disks of their own, and released.

const boards = [
  { name: 'left', serial: '10000000c0ffee04' },
  { name: 'right', serial: '10000000c0ffee05' },
] as const;
type Board = (typeof boards)[number];

/** What a root is in each mode, as the kernel says. */
const modes: readonly (readonly [RootMode, string])[] = [
  ['ram', 'overlay'],
  ['stream', 'overlay'],
  ['nbd', 'ext4'],
  ['nfs', 'nfs'],
];

const diskSize = 64 * 2 ** 20;
let fast: FastLab;
const running = new Set<Guest>();

beforeAll(async () => {
  fast = await startFastLab('modes', async () => ({ nfs: { driver: 'ganesha' } }), nfsServices);
  const { client } = fast.drover;
  for (const { name, serial } of boards) {
    await client.call('createDevice', {
      body: { name, serial, bootPrefix: serial.slice(-8), model: 'pi4' },
    });
    for (const disk of [
      { name: `data-${name}`, kind: 'block' as const },
      { name: `old-${name}`, kind: 'directory' as const },
    ]) {
      const { job } = await client.call('createDisk', { body: { ...disk, size: diskSize } });
      expect((await client.waitForJob(job ?? '')).state).toBe('succeeded');
    }
  }
});
afterAll(async () => {
  for (const guest of running) await guest.kill();
  await fast?.stop();
});

const diskOf = (ref: string): Promise<Disk> => fast.drover.client.call('getDisk', { params: { ref } });

/** The file that is the board's own. */
async function give(ref: string, text: string): Promise<void> {
  const file = { path: '/etc/own', mode: '0600', content: Buffer.from(text).toString('base64') };
  await fast.drover.client.call('putDeviceFile', { params: { ref }, body: file });
}

async function prepared({ name, serial }: Board, rootMode: RootMode): Promise<void> {
  const { client } = fast.drover;
  const body = {
    ...{ image: 'fast:1', device: name, rootMode },
    firstBoot: { hostname: `${name}-${rootMode}`, timezone: 'Etc/UTC', users: [{ name: `user-${name}` }] },
  };
  await client.call('provision', { body });
  await give(name, `for ${serial}`);
  for (const ref of [`data-${name}`, `old-${name}`]) {
    const { job } = await client.call('attachDisk', { params: { ref }, body: { device: name, access: 'read-write' } });
    if (job !== null) expect((await client.waitForJob(job)).state).toBe('succeeded');
  }
  await fast.drover.deviceUntil(name, ({ state }) => state === 'in-use', 120_000);
}

async function switchedOn({ name, serial }: Board): Promise<Guest> {
  const before = (await fast.drover.client.call('getDevice', { params: { ref: name } })).lastSession;
  const guest = await powerOnWithConsole(fast.lab, { model: '4b', serial });
  running.add(guest);
  await fast.drover.untilUp(name, before);
  await shellOf(guest);
  return guest;
}

/** The folder of its own that a stemcell of Bakery's time mounts, and the disk in it. */
async function useOldDisk(guest: Guest, { name }: Board): Promise<void> {
  const place = (await diskOf(`old-${name}`)).nfs ?? '';
  const options = `vers=3,nolock,proto=tcp,mountproto=tcp,port=2049,mountport=20048,addr=${place.split(':')[0]}`;
  const use = [
    'mkdir -p /srv/old /srv/disk',
    `mount -t nfs -o ${options} ${place} /srv/old`,
    'mke2fs -F /srv/old/disk.img >/dev/null',
    'mount -o loop /srv/old/disk.img /srv/disk',
    `echo ${name} kept >/srv/disk/note`,
    'umount /srv/disk',
    'mount -o loop,ro /srv/old/disk.img /srv/disk',
    'cat /srv/disk/note',
    'umount /srv/disk',
    'umount /srv/old',
  ].join(' && ');
  expect(await ask(guest, `{ ${use}; } 2>&1`)).toBe(`${name} kept`);
}

/** What a board finds, and leaves. */
async function use(guest: Guest, board: Board, [mode, kind]: (typeof modes)[number], before: string): Promise<void> {
  const { name, serial } = board;
  expect(await ask(guest, `hostname; grep -o '^user-[a-z]*' /etc/passwd; stat -c %a /etc/own; cat /etc/own`)).toBe(
    `${name}-${mode} user-${name} 600 for ${serial}`,
  );
  expect(await ask(guest, `awk '$2 == "/" { print $3 }' /proc/mounts | tail -n 1; ls /srv/left 2>/dev/null`)).toBe(
    kind,
  );
  // What changes while it is up comes at once.
  await give(name, `anew for ${serial}`);
  await ask(guest, 'until grep -q anew /etc/own; do sleep 0.1; done');
  expect(await ask(guest, 'stat -c %a /etc/own; cat /etc/own')).toBe(`600 anew for ${serial}`);
  await ask(guest, 'mkdir -p /srv/left; sync');
  const disk = `/dev/disk/by-id/drover-data-${name}`;
  await ask(guest, `until [ -b ${disk} ]; do sleep 0.1; done`);
  expect(await ask(guest, `dd if=${disk} bs=16 count=1 2>/dev/null | tr -d '\\000'`)).toBe(before);
  await ask(guest, `printf %-16s "${name} ${mode}" | dd of=${disk} conv=notrunc,fsync 2>/dev/null`);
}

test.each(modes)('two boards at once run from %s, each with what is its own, and leave nothing', async (mode, kind) => {
  const { client, dataDir } = fast.drover;
  const at = modes.findIndex(([each]) => each === mode);
  const earlier = modes[at - 1]?.[0];
  await Promise.all(boards.map((board) => prepared(board, mode)));
  await Promise.all(
    boards.map(async (board) => {
      const guest = await switchedOn(board);
      await use(guest, board, [mode, kind], earlier === undefined ? '' : `${board.name} ${earlier}`);
      if (mode === 'nfs') await useOldDisk(guest, board);
      await guest.kill();
      running.delete(guest);
    }),
  );
  for (const { name } of boards) await client.call('releaseDevice', { params: { ref: name } });
  for (const { name } of boards) {
    await fast.drover.deviceUntil(name, ({ state }) => state === 'available', 60_000);
    // Data disks stay, and are nobody's.
    expect(await diskOf(`data-${name}`)).toMatchObject({ device: null, state: 'ready' });
    expect((await client.call('listDeviceFiles', { params: { ref: name } })).items).toEqual([]);
  }
  const roots = async (): Promise<Disk[]> => (await client.call('listDisks', { query: { role: 'root' } })).items;
  await expect.poll(roots, { timeout: 30_000 }).toEqual([]);
  await expect.poll(async () => (await readdir(path.join(dataDir, 'nfs/disks'))).length, { timeout: 30_000 }).toBe(2);
});
