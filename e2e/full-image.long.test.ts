import { afterEach, beforeAll, expect, test } from 'vitest';
import { inputs, type FastImage } from './inputs/index.js';
import { createLab, packTestInitramfs, qemuVirt, type Lab } from './lab/index.js';

// Proves the full image, before Drover has any part in it.

let image: FastImage;
let lab: Lab | undefined;

beforeAll(async () => {
  image = await inputs.fast();
});
afterEach(async () => lab?.dispose());

const bootTimeoutMs = 240_000;

test('the full image’s system starts from its own card, mounts what fstab says and gets a lease', async () => {
  const full = await inputs.full();
  lab = await createLab({ name: 'full' });
  const initrd = await packTestInitramfs({
    ...{ dir: lab.dir, rootDir: image.rootDir, kernelRelease: image.kernelRelease },
    modules: ['virtio_mmio', 'virtio_blk', 'crc32c_generic', 'ext4'],
    script: 'sleep 1; mount -t ext4 /dev/vda2 /mnt; mount --move /dev /mnt/dev; exec switch_root /mnt /sbin/init',
  });
  const guest = await qemuVirt({
    lab,
    initrd,
    kernel: full.kernel,
    memoryMiB: 768,
    append: 'console=ttyAMA0 panic=-1 quiet systemd.show_status=0',
    // What the guest writes goes to a scratch file of QEMU's.
    qemuArgs: [
      ...['-drive', `if=none,id=card,format=raw,snapshot=on,file=${full.path}`],
      ...['-device', 'virtio-blk-device,drive=card'],
    ],
  });
  await guest.console.expect('root@fullpi:~#', bootTimeoutMs);
  guest.send('findmnt -no SOURCE,FSTYPE /boot/firmware; getcap /usr/bin/ping; networkctl status eth0 | grep Address\n');
  await guest.console.expect(/\/dev\/vda1 +vfat/, 60_000);
  await guest.console.expect('/usr/bin/ping cap_net_raw=ep', 60_000);
  await guest.console.expect(`Address: ${lab.net.prefix}.1`, 60_000);
  expect(await lab.router?.leases()).toMatchObject([{ mac: guest.mac, hostname: 'fullpi' }]);
  await guest.kill();
});
