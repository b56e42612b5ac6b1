import { mkdtemp, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { inputs, type FastImage } from '../inputs/index.js';
import { run } from '../inputs/run.js';
import { createLab, packTestInitramfs, uboot, type Lab } from '../lab/index.js';
import { startDnsmasqNetboot } from './netbootServer.js';

let image: FastImage;
let lab: Lab | undefined;

beforeAll(async () => {
  image = await inputs.fast();
});
afterEach(async () => lab?.dispose());

test('U-Boot loads kernel and initramfs by TFTP and boots them', async () => {
  lab = await createLab({ name: 'uboot' });
  const root = await mkdtemp(path.join(lab.dir, 'tftp-'));
  const initrd = await packTestInitramfs({
    ...{ dir: lab.dir, rootDir: image.rootDir, kernelRelease: image.kernelRelease, modules: [] },
    script: 'echo STARTED "$(cat /proc/cmdline)"; reboot -f',
  });
  await run(['cp', image.kernel, path.join(root, 'kernel8.img')]);
  await run(['cp', initrd, path.join(root, 'initramfs8')]);
  await writeFile(path.join(root, 'small.txt'), 'x'.repeat(1468 * 2));
  await startDnsmasqNetboot(lab, { root, efiFile: 'none' });

  const guest = await uboot({ lab });
  await guest.command('setenv autoload no');
  expect(await guest.command('dhcp')).toContain(`DHCP client bound to address ${lab.net.prefix}.1`);
  await guest.command(`setenv serverip ${lab.net.server}`);
  expect(await guest.command('tftpboot ${loadaddr} absent')).toMatch(/File not found|TFTP error/);
  expect(await guest.command('tftpboot ${loadaddr} small.txt')).toContain('Bytes transferred = 2936');
  await guest.command('tftpboot ${kernel_addr_r} kernel8.img', 180_000);
  const loaded = await guest.command('tftpboot ${ramdisk_addr_r} initramfs8', 120_000);
  expect(loaded).toContain('Bytes transferred = ');
  await guest.command('setenv bootargs console=ttyAMA0 panic=-1 quiet lab=uboot');
  guest.send('booti ${kernel_addr_r} ${ramdisk_addr_r}:${filesize} ${fdt_addr}\n');
  const started = await guest.console.expect(/STARTED (.*)\r?\n/, 120_000);
  expect(started[1]).toContain('lab=uboot');
  expect((await guest.ended).code).toBe(0);
});
