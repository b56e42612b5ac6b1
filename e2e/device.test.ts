import path from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { hostAddress, startUserGuest, type UserGuest, type UserGuestOptions } from './device/guest.js';
import { composeImage, identity, packIdentity, type ComposedImage } from './device/image.js';
import { createDeviceServer, type DeviceServer, type Faults } from './device/server.js';
import { inputs } from './inputs/index.js';

// The runtime of a board, from a bare kernel to a running root, against a server that is not ours.

const upTimeoutMs = 300_000;

let image: ComposedImage;
let bootDir: string;
let identityTar: Buffer;
let server: DeviceServer | undefined;
let guest: UserGuest | undefined;

beforeAll(async () => {
  const input = await inputs.fast();
  bootDir = input.bootDir;
  image = await composeImage(input);
  identityTar = await packIdentity();
});
afterEach(async () => {
  await guest?.stop();
  await server?.close();
});
afterAll(() => image?.dispose());

async function boot(
  faults: Faults = {},
  options: Partial<UserGuestOptions> & { parameters?: string; console?: string; secret?: string } = {},
): Promise<{ server: DeviceServer; guest: UserGuest }> {
  const made = await createDeviceServer({ root: image.root, identityTar, hostname: identity.hostname, faults });
  server = made;
  const { parameters = '', console = 'console=ttyAMA0 panic=-1 quiet', secret = made.secret, ...rest } = options;
  guest = startUserGuest({
    kernel: image.kernel,
    initrd: image.initrd,
    append: [
      console,
      `drover.url=http://${hostAddress}:${made.port} drover.session=${made.session} drover.secret=${secret}`,
      'drover.mode=ram',
      parameters,
    ].join(' '),
    ...rest,
  });
  return { server: made, guest };
}

/** Steps in the order in which they were reported as done. */
const done = (of: DeviceServer): string[] =>
  of.reports.filter(({ state, log }) => state === 'ok' && log === undefined).map(({ step }) => step);

const allSteps = [
  ...['start', 'modules', 'network', 'clock', 'exchange', 'download', 'verify', 'mount', 'identity', 'prepare'],
  ...['switch', 'up'],
];

/** Types a command at the running root's shell and returns what it printed. */
async function ask(guest: UserGuest, command: string): Promise<string> {
  guest.send(`echo "<$(${command})>"\n`);
  return (await guest.console.expect(/\n<([^>]*)>\r?\n/, 30_000))[1] ?? '';
}

test('a board boots the fast image, reports each step, and is the one it was told to be', async () => {
  const { server, guest } = await boot();
  const up = await server.report('up', 'ok', upTimeoutMs);
  expect(image.compression).toBe('zstd');
  expect(done(server)).toEqual(allSteps);
  expect(up.message).toContain(image.facts.kernels[0]?.release);
  const steps = server.reports.filter(({ log }) => log === undefined);
  const uptimes = steps.map(({ uptime }) => uptime);
  expect(uptimes).toEqual([...uptimes].sort((a, b) => a - b));
  expect(steps.find(({ step }) => step === 'start')?.credential).toBe('secret');
  expect(up.credential).toBe('session');
  const network = steps.find(({ step, state }) => step === 'network' && state === 'ok');
  expect(network?.message).toMatch(/^10\.0\.2\.15 on eth0 \(52:54:00:/);
  expect(await ask(guest, 'hostname; cat /etc/machine-id; stat -c %a /etc/ssh/ssh_host_rsa_key')).toMatch(
    new RegExp(`^${identity.hostname}\\r?\\n${identity.machineId}\\r?\\n600$`),
  );
  expect(await ask(guest, 'cat /etc/fstab')).toMatch(/# drover: not on this board: PARTUUID=.* \/ ext4/);
  expect(await ask(guest, 'stat -c "%a %u" / /srv/keep/set-user-id')).toMatch(/755 0\r?\n4755 0/);
  expect(Math.abs(Number(await ask(guest, 'date +%s')) - Date.now() / 1000)).toBeLessThan(5);
  expect((await server.log('up', 'kernel', 60_000)).body).toContain('Linux version');
});

test('a root that is being made is waited for, with one nonce', async () => {
  const { server } = await boot({ notReady: 3 });
  await server.report('up', 'ok', upTimeoutMs);
  expect(server.nonces).toHaveLength(4);
  expect(new Set(server.nonces).size).toBe(1);
  const waiting = server.reports.filter(({ step, state }) => step === 'exchange' && state === 'progress');
  expect(waiting.map(({ message }) => message)).toEqual(['waiting for the root to be made (HTTP 503: packing: 10 %)']);
});

test('a download that is cut goes on where it was', async () => {
  const { server } = await boot({ cutAfter: [0.5, 0.2] });
  await server.report('up', 'ok', upTimeoutMs);
  expect(server.ranges[0]).toBe('');
  const offsets = server.ranges.slice(1).map((range) => Number(/^bytes=(\d+)-$/.exec(range)?.[1]));
  expect(offsets).toHaveLength(2);
  expect(offsets[0]).toBeGreaterThan(image.root.size * 0.4);
  expect(offsets[1]).toBeGreaterThan(offsets[0] ?? 0);
  expect(server.reports.some(({ step, state }) => step === 'download' && state === 'info')).toBe(true);
});

test('wrong bytes are noticed and fetched once more', async () => {
  const { server } = await boot({ corrupt: 1 });
  await server.report('up', 'ok', upTimeoutMs);
  expect(server.ranges).toEqual(['', '']);
  expect(server.reports.find(({ step, state }) => step === 'verify' && state === 'info')?.message).toContain('sha256');
});

test('bytes that stay wrong end the boot with the reason and a restart', async () => {
  const { server, guest } = await boot({ corrupt: 2 });
  const failed = await server.report('verify', 'failed', upTimeoutMs);
  expect(failed.message).toContain(image.root.sha256);
  expect(await guest.ended).toBe(0);
  expect(server.reports.find(({ log }) => log === 'kernel')?.body).toContain('Linux version');
  expect(server.reports.find(({ log }) => log === 'initramfs')?.body).toContain('failed at verify');
});

test('a server that drops its first connections is asked again', async () => {
  const { server } = await boot({ dropped: 4 });
  await server.report('up', 'ok', upTimeoutMs);
  expect(done(server)).toEqual(allSteps);
});

test('a refused board says so and restarts after the time the kernel was given', async () => {
  const { server, guest } = await boot({ refuse: true }, { console: 'console=ttyAMA0 panic=3 quiet' });
  const failed = await server.report('exchange', 'failed', upTimeoutMs);
  expect(failed.message).toContain('The secret was used by another board.');
  await guest.console.expect('restarting in 3 s', 30_000);
  expect(await guest.ended).toBe(0);
});

test('a root that does not fit into memory is refused before it is fetched', async () => {
  const { server, guest } = await boot({ size: 400_000_000 }, { memoryMiB: 256 });
  const failed = await server.report('download', 'failed', upTimeoutMs);
  expect(failed.message).toMatch(/not enough memory for the root: it takes 400 MB .* Use root mode stream or nbd/);
  expect(server.ranges).toEqual([]);
  expect(await guest.ended).toBe(0);
});

test('of two network cards the one that gets a lease is taken', async () => {
  const { server } = await boot({}, { network: 'second' });
  const network = await server.report('network', 'ok', upTimeoutMs);
  expect(network.message).toContain('10.0.2.15 on eth1');
  await server.report('up', 'ok', upTimeoutMs);
});

test('a Raspberry Pi 3B comes up through its network card on USB', async () => {
  const { server } = await boot(
    {},
    { raspi3b: path.join(bootDir, 'bcm2710-rpi-3-b.dtb'), console: 'console=ttyAMA0,115200 panic=-1 quiet' },
  );
  await server.report('up', 'ok', upTimeoutMs);
  expect(done(server)).toEqual(allSteps);
  const start = server.reports.find(({ step }) => step === 'start');
  expect(start?.message).toContain('Raspberry Pi 3 Model B');
});

test('without a DHCP server a board keeps asking, then says what is wrong and restarts', async () => {
  const { guest } = await boot({}, { network: 'silent', parameters: 'drover.patience=20' });
  await guest.console.expect('asking for an address', upTimeoutMs);
  await guest.console.expect(/failed at network: no answer from a DHCP server on eth0 \(waited 20 s\)/, 120_000);
  expect(await guest.ended).toBe(0);
});

test('a command line without a secret ends in a restart, not in a dead prompt', async () => {
  const { guest } = await boot({}, { secret: 'none' });
  await guest.console.expect('failed at start: drover.secret on the command line is no 32 hex digits', upTimeoutMs);
  expect(await guest.ended).toBe(0);
});
