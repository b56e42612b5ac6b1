import { afterAll, expect, test } from 'vitest';
import { createDeviceRig } from './device/boot-to-up.js';
import { inputs } from './inputs/index.js';

// Whole Debian systems on the runtime: what systemd does on a root that is not the card it expects.

const rig = createDeviceRig();
afterAll(() => rig.dispose());

test('a Debian system with systemd is up with no unit failed', async () => {
  const { up, messageOf } = await rig.bootToUp(await inputs.full(), 'quiet');
  expect(up.message).toMatch(/, running$/);
  expect(messageOf('prepare')).toContain('init is systemd');
});
