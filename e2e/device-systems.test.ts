import { afterAll, afterEach, expect, test } from 'vitest';
import { hostAddress, startUserGuest, type UserGuest } from './device/guest.js';
import { composeImage, identity, packIdentity, type ComposedImage } from './device/image.js';
import { createDeviceServer, type DeviceServer, type Report } from './device/server.js';
import { inputs, type ImageInput } from './inputs/index.js';

// Whole Debian systems on the runtime: what systemd does on a root that is not the card it expects.

const upTimeoutMs = 600_000;

const images: ComposedImage[] = [];
let server: DeviceServer | undefined;
let guest: UserGuest | undefined;

afterEach(async () => {
  await guest?.stop();
  await server?.close();
});
afterAll(async () => {
  for (const image of images) await image.dispose();
});

async function bootToUp(input: ImageInput, parameters: string): Promise<{ server: DeviceServer; up: Report }> {
  const image = await composeImage(input);
  images.push(image);
  const made = await createDeviceServer({
    root: image.root,
    identityTar: await packIdentity(),
    hostname: identity.hostname,
  });
  server = made;
  guest = startUserGuest({
    kernel: image.kernel,
    initrd: image.initrd,
    memoryMiB: 768,
    append: `console=ttyAMA0 panic=-1 drover.url=http://${hostAddress}:${made.port} drover.session=${made.session} drover.secret=${made.secret} ${parameters}`,
  });
  return { server: made, up: await made.report('up', 'ok', upTimeoutMs) };
}

const messageOf = (of: DeviceServer, step: string): string =>
  of.reports.find((report) => report.step === step && report.state === 'ok')?.message ?? '';

test('a Debian system with systemd is up with no unit failed', async () => {
  const { server, up } = await bootToUp(await inputs.full(), 'quiet');
  expect(up.message).toMatch(/, running$/);
  expect(messageOf(server, 'prepare')).toContain('init is systemd');
});
