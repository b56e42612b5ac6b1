import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Device, Disk, Job, RootMode } from '@drover/contract';
import { powerOnWithConsole } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import type { Drover } from './drover/server.js';
import { ask, shellOf } from './drover/shell.js';
import type { Guest, Lab } from './lab/index.js';

// Boards whose root is a block device of the server, from provisioning to release.

let fast: FastLab;
let lab: Lab;
let drover: Drover;
const running = new Set<Guest>();

beforeAll(async () => {
  fast = await startFastLab('disks');
  ({ lab, drover } = fast);
});
afterEach(async () => {
  for (const guest of running) await guest.kill();
  running.clear();
});
afterAll(() => fast?.stop());

const provisioned = (name: string, serial: string, rootMode: RootMode, diskSize?: number): Promise<Device> =>
  drover.provisioned({ name, serial, image: 'fast:1', rootMode, ...(diskSize === undefined ? {} : { diskSize }) });

async function switchedOn({ serial }: Device): Promise<Guest> {
  const guest = await powerOnWithConsole(lab, { model: '4b', serial: serial ?? '' });
  running.add(guest);
  return guest;
}

const rootDisks = async (): Promise<Disk[]> => {
  const disks: Disk[] = [];
  for await (const disk of drover.client.each('listDisks', { query: { role: 'root' } })) disks.push(disk);
  return disks;
};

/** What the board said of its root's file system. */
const growthOf = async (session: string | null): Promise<string[]> =>
  (await drover.timelineOf(session)).flatMap(({ entry }) =>
    entry.type === 'report' && entry.step === 'grow' ? [entry.message] : [],
  );

/** What Docker's overlay2 asks of a root: file types in folders, extended attributes, an overlay on it. */
const overlayWorks = [
  'cd /root && mkdir -p l u w m && echo lower >l/file',
  'mount -t overlay o -o lowerdir=l,upperdir=u,workdir=w m',
  'rm m/file && stat -c %F u/file && umount m',
  'dmesg | grep -icE "overlayfs:.*(d_type|xattr|tmpfile)" || true',
].join(' && ');

const diskJob = ({ job }: Disk): Promise<Job> => drover.client.waitForJob(job ?? '');
const attach = async (device: string, access: 'read-write' | 'read-only'): Promise<Disk> =>
  drover.client.call('attachDisk', { params: { ref: 'media' }, body: { device, access } });
const detach = async () => diskJob(await drover.client.call('detachDisk', { params: { ref: 'media' }, body: {} }));
const byId = '/dev/disk/by-id/drover-media';
const comes = (guest: Guest): Promise<string> =>
  ask(guest, `until [ -b ${byId} ]; do sleep 0.1; done; blockdev --getsize64 ${byId}`);

/** A disk goes from one running board to another with what the first has written. */
async function passOn(writer: Guest, reader: Guest): Promise<void> {
  const size = 64 * 2 ** 20;
  await diskJob(await drover.client.call('createDisk', { body: { name: 'media', size } }));
  const asked = Date.now();
  const disk = await attach('own', 'read-write');
  expect(await comes(writer)).toBe(String(size));
  const { lastSession } = await drover.client.call('getDevice', { params: { ref: 'own' } });
  // The board sees its disk before its server has heard that it does.
  let attached: { at: string } | undefined;
  await expect
    .poll(async () => {
      const entries = (await drover.timelineOf(lastSession)).map(({ entry }) => entry);
      attached = entries.find((entry) => entry.type === 'disk.attached' && entry.disk === disk.id);
      return attached;
    })
    .toBeDefined();
  console.log(`a disk was attached ${Date.parse(attached?.at ?? '') - asked} ms after it was asked for`);
  const use = `mke2fs ${byId} >/dev/null 2>&1 && mkdir -p /root/m && mount -t ext4 ${byId} /root/m && echo passed on >/root/m/file`;
  expect(await ask(writer, `${use} && echo written`)).toBe('written');
  expect(await detach()).toMatchObject({
    state: 'failed',
    error: { code: 'disk.in-use', detail: expect.stringContaining('mounted') as string },
  });
  await ask(writer, 'umount /root/m');
  expect(await detach()).toMatchObject({ state: 'succeeded' });
  expect(await ask(writer, `ls /dev/disk/by-id | grep -c drover || true; cat /sys/block/nbd1/size`)).toBe('0 0');
  await diskJob(await attach('streamed', 'read-only'));
  await comes(reader);
  const look = `mkdir -p /root/m && mount -t ext4 -o ro ${byId} /root/m && cat /root/m/file; blockdev --getro ${byId}`;
  expect(await ask(reader, look)).toBe('passed on 1');
  await ask(reader, 'umount /root/m');
}

const GiB = 2 ** 30;
/** Bytes of the guest's root, as its kernel tells. */
const rootBytes = async (guest: Guest): Promise<number> =>
  Number(await ask(guest, 'df -m / | tail -n 1 | awk "{print \\$2}"')) * 2 ** 20;

test('two boards run one image, one from a disk of its own and one from the image itself', async () => {
  const [own, streamed] = [
    await provisioned('own', '10000000d15c0001', 'nbd', 2 * GiB),
    await provisioned('streamed', '10000000d15c0002', 'stream'),
  ];
  expect(await rootDisks()).toMatchObject([{ device: own.id, state: 'ready', role: 'root' }]);
  const guest = await switchedOn(own);
  const first = await drover.untilUp('own');
  await shellOf(guest);
  expect(await ask(guest, 'stat -f -c %T /; hostname')).toBe('ext2/ext3 own');
  expect(await ask(guest, overlayWorks)).toBe('character special file 0');
  await ask(guest, 'echo kept >/root-was-here; sync');
  expect(await rootBytes(guest)).toBeGreaterThan(1.7 * GiB);
  expect(await growthOf(first.lastSession)).toEqual([expect.stringContaining('has grown from')]);
  // Larger while the board runs from it: the table is changed, and the file system grown, when it starts again.
  const [disk] = await rootDisks();
  await drover.client.call('updateDisk', { params: { ref: disk?.id ?? '' }, body: { size: 4 * GiB } });
  await expect.poll(async () => (await rootDisks())[0]?.job, { timeout: 30_000 }).toBeNull();
  expect(await rootBytes(guest)).toBeLessThan(2 * GiB);

  const other = await switchedOn(streamed);
  const { lastSession } = await drover.untilUp('streamed');
  await shellOf(other);
  expect(await ask(other, 'grep -c "^[^ ]* / overlay " /proc/mounts; hostname; ls /root-was-here 2>/dev/null')).toBe(
    '1 streamed',
  );
  const steps = (await drover.timelineOf(lastSession)).map(({ entry }) => entry);
  expect(steps).toContainEqual(expect.objectContaining({ type: 'disk.attached', disk: 'image', readOnly: true }));
  await passOn(guest, other);
  await other.kill();
  running.delete(other);

  guest.send('reboot\n');
  await guest.ended;
  running.delete(guest);
  const again = await switchedOn(own);
  const second = await drover.untilUp('own', first.lastSession);
  // Up it was before with the same assignment. This report comes when the second start is over.
  await expect
    .poll(() => growthOf(second.lastSession), { timeout: 300_000 })
    .toEqual([expect.stringContaining('has grown from')]);
  await shellOf(again);
  expect(await ask(again, 'cat /root-was-here; hostname')).toBe('kept own');
  expect(await drover.timelineOf(second.lastSession)).toContainEqual(
    expect.objectContaining({
      entry: expect.objectContaining({ type: 'disk.grown', disk: disk?.id, partition: 2 }) as unknown,
    }),
  );
  expect(await rootBytes(again)).toBeGreaterThan(3.6 * GiB);
});
