import { afterEach, expect, test } from 'vitest';
import { prepareBoots, type Boots } from './device/boot.js';
import type { Report } from './device/server.js';
import { inputs, type ImageInput } from './inputs/index.js';

// Whole Debian systems on the runtime: what systemd does on a root that is not the card it expects. With the server: netboot-vendor.test.ts.

const upMs = 600_000;
let boots: Boots | undefined;
afterEach(async () => {
  await boots?.end();
  await boots?.dispose();
});

/** Boots an image; gives what the board told when it was up, and what its runtime had changed before. */
async function comesUp(input: ImageInput, parameters = ''): Promise<{ up: Report; prepared: string }> {
  boots = await prepareBoots(input);
  const { server } = await boots.boot({}, { memoryMiB: 768, parameters });
  const up = await server.report('up', 'ok', upMs);
  const prepared = server.reports.find(({ step, state }) => step === 'prepare' && state === 'ok');
  return { up, prepared: prepared?.message ?? '' };
}

test('a Debian system with systemd is up with no unit failed', async () => {
  const { up, prepared } = await comesUp(await inputs.full());
  expect(up.message).toMatch(/, running$/);
  expect(prepared).toContain('init is systemd');
});

test('the adverse vendor image is up: nothing waits for its card, a person, or a resize', async () => {
  const parameters = 'init=/usr/lib/raspberrypi-sys-mods/firstboot root=PARTUUID=00000a7f-02';
  const { up, prepared } = await comesUp(await inputs.adverse(), parameters);
  expect(prepared).toContain('4 mounts changed');
  for (const unit of ['dphys-swapfile', 'resize-root', 'userconfig', 'regenerate_ssh_host_keys'])
    expect(prepared).toContain(`${unit}.service`);
  expect(up.message).toMatch(/, running$/);
});
