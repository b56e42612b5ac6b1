import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { allSteps, done, prepareBoots, upTimeoutMs, type Boots } from './device/boot.js';
import { identity } from './device/image.js';
import { ask } from './drover/shell.js';
import { inputs } from './inputs/index.js';

// The runtime of a board, from a bare kernel to a running root, against a server that is not ours. More of what can go wrong: device-trouble.long.test.ts.

let boots: Boots;
beforeAll(async () => {
  boots = await prepareBoots(await inputs.fast());
});
afterEach(() => boots?.end());
afterAll(() => boots?.dispose());

test('a board boots the fast image, reports each step, and is the one it was told to be', async () => {
  const { server, guest } = await boots.boot();
  const up = await server.report('up', 'ok', upTimeoutMs);
  expect(boots.image.compression).toBe('zstd');
  expect(done(server)).toEqual(allSteps);
  expect(up.message).toContain(boots.image.facts.kernels[0]?.release);
  const steps = server.reports.filter(({ log }) => log === undefined);
  const uptimes = steps.map(({ uptime }) => uptime);
  expect(uptimes).toEqual([...uptimes].sort((a, b) => a - b));
  expect(steps.find(({ step }) => step === 'start')?.credential).toBe('secret');
  expect(up.credential).toBe('session');
  const network = steps.find(({ step, state }) => step === 'network' && state === 'ok');
  expect(network?.message).toMatch(/^10\.0\.2\.15 on eth0 \(52:54:00:/);
  expect(await ask(guest, 'hostname; cat /etc/machine-id; stat -c %a /etc/ssh/ssh_host_rsa_key')).toBe(
    `${identity.hostname} ${identity.machineId} 600`,
  );
  expect(await ask(guest, 'cat /etc/fstab')).toMatch(/# drover: not on this board: PARTUUID=.* \/ ext4/);
  expect(await ask(guest, 'stat -c "%a %u" / /srv/keep/set-user-id')).toBe('755 0 4755 0');
  expect(Math.abs(Number(await ask(guest, 'date +%s')) - Date.now() / 1000)).toBeLessThan(5);
  expect((await server.log('up', 'kernel', 60_000)).body).toContain('Linux version');
});

test('a download that is cut goes on where it was', async () => {
  const { server } = await boots.boot({ faults: { cutAfter: [0.5, 0.2] } });
  await server.report('up', 'ok', upTimeoutMs);
  expect(server.ranges[0]).toBe('');
  const offsets = server.ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range)?.[1]));
  expect(offsets).toHaveLength(2);
  expect(offsets[0]).toBeGreaterThan(boots.image.root.size * 0.4);
  expect(offsets[1]).toBeGreaterThan(offsets[0] ?? 0);
  expect(server.reports.some(({ step, state }) => step === 'download' && state === 'info')).toBe(true);
});

test('a Raspberry Pi 3B comes up through its network card on USB', async () => {
  const { server } = await boots.boot(
    {},
    {
      raspi3b: path.join((await inputs.fast()).bootDir, 'bcm2710-rpi-3-b.dtb'),
      console: 'console=ttyAMA0,115200 panic=-1 quiet',
    },
  );
  await server.report('up', 'ok', upTimeoutMs);
  expect(done(server)).toEqual(allSteps);
  const start = server.reports.find(({ step }) => step === 'start');
  expect(start?.message).toContain('Raspberry Pi 3 Model B');
});

test('a command line without a secret ends in a restart, not in a dead prompt', async () => {
  const { guest } = await boots.boot({}, { secret: 'none' });
  await guest.console.expect('failed at start: drover.secret on the command line is no 32 hex digits', upTimeoutMs);
  expect(await guest.ended).toBe(0);
});
