import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { hostAddress, startUserGuest, type UserGuest, type UserGuestOptions } from './device/guest.js';
import { composeImage, identity, packIdentity, type ComposedImage } from './device/image.js';
import { createDeviceServer, type DeviceServer, type Faults } from './device/server.js';
import { inputs } from './inputs/index.js';

// The runtime of a board, from a bare kernel to a running root, against a server that is not ours.

const upTimeoutMs = 300_000;

let image: ComposedImage;
let identityTar: Buffer;
let server: DeviceServer | undefined;
let guest: UserGuest | undefined;

beforeAll(async () => {
  image = await composeImage(await inputs.fast());
  identityTar = await packIdentity();
});
afterEach(async () => {
  await guest?.stop();
  await server?.close();
});
afterAll(() => image?.dispose());

async function boot(
  faults: Faults = {},
  options: Partial<UserGuestOptions> & { parameters?: string } = {},
): Promise<{ server: DeviceServer; guest: UserGuest }> {
  const made = await createDeviceServer({ root: image.root, identityTar, hostname: identity.hostname, faults });
  server = made;
  const { parameters = '', ...rest } = options;
  guest = startUserGuest({
    kernel: image.kernel,
    initrd: image.initrd,
    append: [
      'console=ttyAMA0 panic=-1 quiet',
      `drover.url=http://${hostAddress}:${made.port} drover.session=${made.session} drover.secret=${made.secret}`,
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

test('a board boots the fast image and reports each step', async () => {
  const { server, guest } = await boot();
  const up = await server.report('up', 'ok', upTimeoutMs);
  expect(done(server)).toEqual([
    ...['start', 'modules', 'network', 'clock', 'exchange', 'download', 'verify', 'mount', 'identity', 'prepare'],
    ...['switch', 'up'],
  ]);
  expect(up.message).toContain(image.facts.kernels[0]?.release);
  const uptimes = server.reports.filter(({ log }) => log === undefined).map(({ uptime }) => uptime);
  expect(uptimes).toEqual([...uptimes].sort((a, b) => a - b));
  expect(server.reports.find(({ step }) => step === 'start')?.credential).toBe('secret');
  expect(up.credential).toBe('session');
  console.error(server.reports.map((r) => `${r.uptime} ${r.step} ${r.state} ${r.message}`).join('\n'));
  console.error(guest.console.text());
});
