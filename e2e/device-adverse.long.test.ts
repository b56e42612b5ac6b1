import { afterAll, expect, test } from 'vitest';
import { createDeviceRig } from './device/boot-to-up.js';
import { inputs } from './inputs/index.js';

// The image that is hard to boot without its card, on the runtime alone. With the server: netboot-vendor.test.ts.

const rig = createDeviceRig();
afterAll(() => rig.dispose());

test('the adverse vendor image is up: nothing waits for its card, a person, or a resize', async () => {
  const parameters = 'quiet init=/usr/lib/raspberrypi-sys-mods/firstboot root=PARTUUID=00000a7f-02';
  const { up, messageOf } = await rig.bootToUp(await inputs.adverse(), parameters);
  const prepared = messageOf('prepare');
  expect(prepared).toContain('4 mounts changed');
  for (const unit of ['dphys-swapfile', 'resize-root', 'userconfig', 'regenerate_ssh_host_keys'])
    expect(prepared).toContain(`${unit}.service`);
  expect(up.message).toMatch(/, running$/);
});
