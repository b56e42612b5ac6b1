import { readdir, readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { powerOn, powerOnWithConsole } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import { nfsServices } from './drover/nfs-services.js';
import { run } from './inputs/run.js';

// A board that runs from a directory of its own, served by nfs-ganesha, which Drover starts.

const serial = '1000000060ffee01';
const name = 'dir-1';

let fast: FastLab;
beforeAll(async () => {
  fast = await startFastLab('nfs', async () => ({ nfs: { driver: 'ganesha' } }), nfsServices);
});
afterAll(async () => {
  await fast?.stop();
});

test('a board runs from its directory, finds what it wrote at its next boot, and leaves nothing', async () => {
  const { client, dataDir } = fast.drover;
  const device = await fast.drover.provisioned({ name, serial, image: 'fast:1', rootMode: 'nfs' });
  const disk = await client.call('getDisk', { params: { ref: device.assignment?.disk ?? '' } });
  expect(disk).toMatchObject({ kind: 'directory', role: 'root', clone: 'overlay', state: 'ready' });
  const script =
    '#!/bin/sh\n[ -e /var/kept ] && echo "kept: $(cat /var/kept)" >/dev/console\nhostname >/var/kept; sync\n';
  const file = { path: '/etc/init.d/S90own', mode: '0755', content: Buffer.from(script).toString('base64') };
  await client.call('putDeviceFile', { params: { ref: name }, body: file });

  const board = await powerOn(fast.lab, { model: '4b', serial });
  try {
    const up = await fast.drover.untilUp(name);
    const timeline = await fast.drover.timelineOf(up.lastSession);
    expect(JSON.stringify(timeline)).toContain('by version 3');
    const folder = path.join(dataDir, 'nfs', 'disks', disk.id);
    await expect
      .poll(() => readFile(path.join(folder, 'layer', 'tree', 'var', 'kept'), 'utf8').catch(() => ''), {
        timeout: 60_000,
      })
      .toBe(`${name}\n`);
  } finally {
    await board.kill();
  }
  const before = (await client.call('getDevice', { params: { ref: name } })).lastSession;
  const again = await powerOn(fast.lab, { model: '4b', serial });
  try {
    await fast.drover.untilUp(name, before);
    await expect.poll(() => again.guestConsole(), { timeout: 60_000 }).toContain(`kept: ${name}`);
  } finally {
    await again.kill();
  }
  await client.call('releaseDevice', { params: { ref: name } });
  await expect.poll(() => readdir(path.join(dataDir, 'nfs', 'disks')), { timeout: 30_000 }).toEqual([]);
  expect(await readFile(path.join(dataDir, 'nfs', 'ganesha', 'exports.conf'), 'utf8')).not.toContain('EXPORT {');
  expect((await stat(path.join(dataDir, 'nfs'))).mode & 0o777).toBe(0o700);
});

test('a board that gets another address keeps its directory, and one that copies its hardware address does not get it', async () => {
  const { client, dataDir } = fast.drover;
  const board = { name: 'dir-2', serial: '1000000060ffee02' };
  const device = await fast.drover.provisioned({ ...board, image: 'fast:1', rootMode: 'nfs' });
  const guest = await powerOnWithConsole(fast.lab, { model: '4b', serial: board.serial });
  const moves = async (): Promise<string[]> => {
    const { lastSession } = await client.call('getDevice', { params: { ref: board.name } });
    const items = await fast.drover.timelineOf(lastSession);
    return items.map(({ entry }) => entry.type).filter((type) => type.startsWith('nfs.'));
  };
  try {
    await fast.drover.untilUp(board.name);
    await guest.console.expect('fast image is up', 60_000);
    const exported = async (): Promise<string> =>
      /Clients = ([0-9.]+)/.exec(await readFile(path.join(dataDir, 'nfs', 'ganesha', 'exports.conf'), 'utf8'))?.[1] ??
      '';
    const first = await exported();
    await fast.lab.router?.assign(guest.mac, `${fast.lab.net.prefix}.60`);
    const ask = 'RUN_DIR=/lib/drover PATH=/lib/drover/bin udhcpc -f -q -n -C -i eth0 -s /lib/drover/lib/udhcpc-script';
    guest.send(`\n${ask}\n`);
    await expect.poll(moves, { timeout: 60_000 }).toEqual(['nfs.moved']);
    const second = await exported();
    expect([first, second]).toEqual([expect.stringMatching(/\.1\d\d$/), `${fast.lab.net.prefix}.60`]);
    guest.send('echo still here >/var/moved; sync; echo written\n');
    // Its connection is from the address that it had, and is given up in time.
    await guest.console.expect(/\nwritten/, 240_000);
    const layer = path.join(dataDir, 'nfs', 'disks', device.assignment?.disk ?? '', 'layer', 'tree');
    expect(await readFile(path.join(layer, 'var', 'moved'), 'utf8')).toBe('still here\n');

    await fast.lab.router?.assign(guest.mac, `${fast.lab.net.prefix}.61`);
    await copycat(fast, guest.mac);
    await expect.poll(moves, { timeout: 60_000 }).toEqual(['nfs.moved', 'nfs.refused']);
    expect(await exported()).toBe(second);
    guest.send('echo and still here >/var/moved; sync; echo written again\n');
    await guest.console.expect(/\nwritten again/, 240_000);
  } finally {
    await guest.kill();
  }
});

/** Another machine with that hardware address asks the router for an address of its own. */
async function copycat({ lab }: FastLab, mac: string): Promise<void> {
  const router = lab.netns('router');
  const netns = router.replace(/-router$/, '-copycat');
  await run(['ip', 'netns', 'add', netns]);
  try {
    await run(['ip', '-n', router, 'link', 'add', 'copycat', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', netns]);
    await run(['ip', '-n', router, 'link', 'set', 'copycat', 'master', 'br0', 'up']);
    await run(['ip', '-n', netns, 'link', 'set', 'eth0', 'address', mac, 'up']);
    const ask = ['busybox', 'udhcpc', '-f', '-q', '-n', '-C', '-i', 'eth0', '-s', '/bin/true'];
    await run(['ip', 'netns', 'exec', netns, ...ask]);
  } finally {
    await run(['ip', 'netns', 'del', netns]);
  }
}
