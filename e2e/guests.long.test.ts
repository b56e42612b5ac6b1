import path from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { inputs, type FastImage } from './inputs/index.js';
import { createLab, packTestInitramfs, qemuRaspi3b, qemuVirt, takeLease, type Lab } from './lab/index.js';

// Proves the inputs and the emulated boards, before Drover has any part in it.

let image: FastImage;
let lab: Lab | undefined;

beforeAll(async () => {
  image = await inputs.fast();
});
afterEach(async () => lab?.dispose());

const bootTimeoutMs = 240_000;

test('the fast image’s kernel boots on a virt board and gets a lease from the router', async () => {
  lab = await createLab({ name: 'virt' });
  const initrd = await packTestInitramfs({
    ...{ dir: lab.dir, rootDir: image.rootDir, kernelRelease: image.kernelRelease },
    modules: ['virtio_mmio', 'virtio_net'],
    script: `${takeLease}\necho RELEASE "$(uname -r)"; reboot -f`,
  });
  const guest = await qemuVirt({
    lab,
    initrd,
    kernel: path.join(image.bootDir, 'kernel8.img'),
    append: 'console=ttyAMA0 panic=-1 quiet',
  });
  const lease = await guest.console.expect(/LEASE (\S+) from (\S+)\r?\n/, bootTimeoutMs);
  const release = await guest.console.expect(/RELEASE (\S+)\r?\n/, 10_000);
  expect(release[1]).toBe(image.kernelRelease);
  expect(lease[2]).toBe(lab.net.router);
  expect(await lab.router?.leases()).toMatchObject([{ mac: guest.mac, address: lease[1] }]);
  expect((await guest.ended).code).toBe(0);
});

test('and on a Raspberry Pi 3B with its device tree, over USB', async () => {
  lab = await createLab({ name: 'raspi3b' });
  const initrd = await packTestInitramfs({
    ...{ dir: lab.dir, rootDir: image.rootDir, kernelRelease: image.kernelRelease },
    modules: ['dwc2', 'phy-generic', 'cdc_ether', 'bcm2835_wdt'],
    script: `echo MODEL "$(tr -d '\\0' </proc/device-tree/model)"; sleep 3\n${takeLease}\nreboot -f`,
  });
  const guest = await qemuRaspi3b({
    lab,
    initrd,
    kernel: image.kernel,
    dtb: path.join(image.bootDir, 'bcm2710-rpi-3-b.dtb'),
    append: 'console=ttyAMA0,115200 panic=-1 quiet',
  });
  const model = await guest.console.expect(/MODEL (.*)\r?\n/, bootTimeoutMs);
  expect(model[1]).toContain('Raspberry Pi 3 Model B');
  await guest.console.expect(/LEASE (\S+) from (\S+)\r?\n/, 120_000);
  expect(await lab.router?.leases()).toMatchObject([{ mac: guest.mac }]);
  expect((await guest.ended).code).toBe(0);
});
