import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { Device, TimelineItem } from '@drover/contract';
import { powerOn, powerOnWithConsole } from './drover/board.js';
import { startFastLab, type FastLab } from './drover/fast-lab.js';
import type { Drover } from './drover/server.js';
import { shellOf } from './drover/shell.js';
import type { Guest, Lab } from './lab/index.js';

let fast: FastLab;
let lab: Lab;
let drover: Drover;
const running: { kill(): Promise<unknown> }[] = [];

beforeAll(async () => {
  fast = await startFastLab('netboot');
  ({ lab, drover } = fast);
});
afterEach(async () => {
  for (const process of running.splice(0)) await process.kill();
});
afterAll(() => fast?.stop());

const prefixOf = (serial: string): string => serial.slice(-8);

/** Steps the board reported well, in order. */
const stepsOf = (items: readonly TimelineItem[]): string[] =>
  items.flatMap(({ entry }) => (entry.type === 'report' && entry.state === 'ok' ? [entry.step] : []));

const provisioned = (name: string, serial: string): Promise<Device> =>
  drover.provisioned({ name, serial, image: 'fast:1' });

describe('a Pi 4 that nobody knows', () => {
  const serial = '10000000c0ffee01';

  test('appears as discovered and gets nothing bootable', async () => {
    const pi = await powerOn(lab, { model: '4b', serial, firmwareOnly: true });
    await pi.ended;
    const device = await drover.deviceUntil(prefixOf(serial), ({ state }) => state === 'discovered', 20_000);
    expect(device).toMatchObject({ model: 'pi4', bootPrefix: prefixOf(serial), firmware: 'ee' });
    expect(pi.steps().filter((step) => step.type === 'loaded')).toEqual([]);
  });

  test('comes up with the image it is given, with nothing on the board', async () => {
    await drover.client.call('adoptDevice', { params: { ref: prefixOf(serial) }, body: { name: 'first' } });
    await drover.client.call('provision', { body: { image: 'fast:1', device: 'first' } });
    running.push(await powerOn(lab, { model: '4b', serial }));
    const device = await drover.untilUp('first');
    expect(device.memoryMiB).toBe(512);
    const session = await drover.client.call('getSession', { params: { id: device.lastSession ?? '' } });
    expect(session).toMatchObject({ outcome: 'up', stage: 'up', verdict: null });
    const items = await drover.timelineOf(session.id);
    const steps = [
      'network',
      'clock',
      'exchange',
      'download',
      'verify',
      'mount',
      'identity',
      'prepare',
      'switch',
      'up',
    ];
    expect(stepsOf(items).filter((step) => steps.includes(step))).toEqual(steps);
    const kinds = new Set(items.map(({ entry }) => entry.type));
    expect([...kinds]).toEqual(
      expect.arrayContaining(['dhcp.discover', 'dhcp.offer', 'tftp.file', 'exchange', 'root.download']),
    );
    expect(items.map(({ seq }) => seq)).toEqual(items.map((_, index) => index + 1));
    // The router learns the name from the initramfs: firmware tells none, and the fast image asks only without an address.
    expect((await lab.router?.leases())?.filter(({ mac }) => mac === device.mac)).toMatchObject([
      { hostname: 'first' },
    ]);
  });
});

/** What makes a board itself, as the running system says. */
async function identityOf(guest: Guest): Promise<string[]> {
  await shellOf(guest);
  guest.send('cd /etc; H=$(hostname); K=$(sha256sum ssh/ssh_host_ed25519_key)\n');
  await guest.console.expect('/etc # ', 30_000);
  guest.send('echo ID=$(cat machine-id) HOST=$H KEY=${K%% *}\n');
  const [, id = '', host = '', key = ''] = await guest.console.expect(
    /ID=([0-9a-f]{32}) HOST=(\S+) KEY=([0-9a-f]{64})/,
    60_000,
  );
  return [id, host, key];
}

test('a board is itself again after each boot, and another board is another', async () => {
  const serial = '10000000c0ffee02';
  await provisioned('second', serial);
  const boot = async (after: string | null) => {
    const guest = await powerOnWithConsole(lab, { model: '4b', serial });
    running.push(guest);
    const { lastSession } = await drover.untilUp('second', after);
    const identity = await identityOf(guest);
    await guest.kill();
    return { lastSession, identity };
  };
  const first = await boot(null);
  const again = await boot(first.lastSession);
  expect(again.lastSession).not.toBe(first.lastSession);
  expect(again.identity).toEqual(first.identity);
  expect(first.identity[1]).toBe('second');
  const other = await provisioned('third', '10000000c0ffee03');
  const guest = await powerOnWithConsole(lab, { model: '4b', serial: other.serial ?? '' });
  running.push(guest);
  await drover.untilUp('third');
  const [id, host, key] = await identityOf(guest);
  expect(id).not.toBe(first.identity[0]);
  expect(key).not.toBe(first.identity[2]);
  expect(host).toBe('third');
});

test('a 3B, whose ROM tells no serial, is known by its MAC and comes up', async () => {
  const serial = '00000000a1c0ffe6';
  const pi = await powerOn(lab, { model: '3b', serial, firmwareOnly: true, clockScale: 0.5 });
  await pi.ended;
  // Until it is given something to load, all it ever shows is its MAC.
  const mac = 'b8:27:eb:c0:ff:e6';
  await drover.deviceUntil(mac, ({ state }) => state === 'discovered', 20_000);
  await drover.client.call('adoptDevice', { params: { ref: mac }, body: { name: 'rom' } });
  await drover.client.call('provision', { body: { image: 'fast:1', device: 'rom' } });
  running.push(await powerOn(lab, { model: '3b', serial, failures: 3 }));
  const device = await drover.untilUp('rom');
  expect(device.identities.map(({ kind }) => kind).sort()).toEqual(expect.arrayContaining(['boot-prefix', 'mac']));
});

test('killing either plane while a board boots does not disturb it', async () => {
  const serial = '10000000c0ffee07';
  await provisioned('steady', serial);
  const pi = await powerOn(lab, { model: '4b', serial });
  running.push(pi);
  await pi.console.expect(/"type":"dhcp-ack"|"type":"network"/, 60_000);
  process.kill(await drover.pidOf('control'), 'SIGKILL');
  await pi.console.expect(/"type":"loaded"/, 120_000);
  process.kill(await drover.pidOf('boot'), 'SIGKILL');
  await pi.console.expect(/drover: network|network/, 120_000);
  process.kill(await drover.pidOf('control'), 'SIGKILL');
  const device = await drover.untilUp('steady');
  const { items } = await drover.client.call('listSessions', { query: { device: 'steady' } });
  expect(items.map(({ id, outcome }) => ({ id, outcome }))).toEqual([{ id: device.lastSession, outcome: 'up' }]);
});

test('a released board gets nothing any more', async () => {
  const serial = '10000000c0ffee04';
  await provisioned('left', serial);
  await drover.client.call('releaseDevice', { params: { ref: 'left' } });
  const pi = await powerOn(lab, { model: '4b', serial, firmwareOnly: true });
  await pi.ended;
  expect(pi.steps().filter((step) => step.type === 'loaded')).toEqual([]);
  await expect
    .poll(async () => (await drover.client.call('listSessions', { query: { device: 'left', limit: 1 } })).items[0], {
      timeout: 20_000,
    })
    .toMatchObject({ stage: 'firmware', generation: null });
});
