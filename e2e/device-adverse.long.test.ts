import { afterAll, afterEach, expect, test } from 'vitest';
import { hostAddress, startUserGuest, type UserGuest } from './device/guest.js';
import { composeImage, identity, packIdentity, type ComposedImage } from './device/image.js';
import { createDeviceServer, type DeviceServer, type Report } from './device/server.js';
import { inputs, type ImageInput } from './inputs/index.js';

// The image that is hard to boot without its card, on the runtime alone. With the server: netboot-vendor.test.ts.

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

test('the adverse vendor image is up: nothing waits for its card, a person, or a resize', async () => {
  const { server, up } = await bootToUp(
    await inputs.adverse(),
    'quiet init=/usr/lib/raspberrypi-sys-mods/firstboot root=PARTUUID=00000a7f-02',
  );
  const prepared = messageOf(server, 'prepare');
  expect(prepared).toContain('4 mounts changed');
  for (const unit of ['dphys-swapfile', 'resize-root', 'userconfig', 'regenerate_ssh_host_keys'])
    expect(prepared).toContain(`${unit}.service`);
  expect(up.message).toMatch(/, running$/);
});
