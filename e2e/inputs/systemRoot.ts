import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { DebianArm, DebianPackage } from './debianArm.js';
import { mergeUsr } from './kernel.js';
import { run } from './run.js';

/** Folders of modules that a board's own system is likely to load, of the several thousand a Debian kernel has. */
export const systemModuleFolders = [
  ...['ext4', 'fat', 'nls', 'overlayfs', 'squashfs', 'nfs', 'fuse', 'btrfs'].map((name) => `kernel/fs/${name}`),
  ...['8021q', 'bridge', 'ipv4', 'ipv6', 'netfilter', 'unix'].map((name) => `kernel/net/${name}`),
  ...['block', 'md', 'mmc', 'virtio', 'watchdog', 'hid', 'input'].map((name) => `kernel/drivers/${name}`),
  ...['net/usb', 'net/phy', 'net/mdio', 'net/ethernet/broadcom/genet'].map((name) => `kernel/drivers/${name}`),
  ...['char/hw_random', 'i2c/busses', 'usb/core', 'usb/common', 'usb/dwc2', 'usb/host', 'usb/roles', 'usb/storage'].map(
    (name) => `kernel/drivers/${name}`,
  ),
  'kernel/crypto',
];

/** Writes text files below `root`, making their folders. Keys are absolute paths in the system. */
export async function writeSystemFiles(
  root: string,
  files: Readonly<Record<string, string>>,
  mode = 0o644,
): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, text, { mode });
  }
}

/** `systemctl enable`: `wantedBy` starts `unit`, which is at `/lib/systemd/system` or, if `local`, in `/etc`. */
export async function enableUnit(root: string, unit: string, wantedBy: string, local = false): Promise<void> {
  const wants = path.join(root, 'etc/systemd/system', `${wantedBy}.wants`);
  await mkdir(wants, { recursive: true });
  await symlink(path.join(local ? '/etc/systemd/system' : '/lib/systemd/system', unit), path.join(wants, unit));
}

/** Adds packages to a system by unpacking them: quick, and no maintainer script runs. */
export async function addPackages(debian: DebianArm, packages: readonly DebianPackage[], root: string): Promise<void> {
  const staging = await mkdtemp(path.join(path.dirname(root), 'packages-'));
  await debian.unpack(packages, staging);
  await mergeUsr(staging);
  await rm(path.join(staging, 'usr/share/doc'), { recursive: true, force: true });
  await rm(path.join(staging, 'usr/share/man'), { recursive: true, force: true });
  await rm(path.join(staging, 'usr/share/locale'), { recursive: true, force: true });
  await run(['cp', '-a', `${staging}/.`, root]);
  await rm(staging, { recursive: true });
}

/** What every system here has: a name, fstab as on a card, and a root shell on the serial console for the tests. */
export async function addSystemBasics(root: string, system: { hostname: string; fstab: string }): Promise<void> {
  await writeSystemFiles(root, {
    '/etc/hostname': `${system.hostname}\n`,
    '/etc/hosts': `127.0.0.1\tlocalhost\n127.0.1.1\t${system.hostname}\n`,
    '/etc/fstab': system.fstab,
    '/etc/systemd/system/serial-getty@.service.d/autologin.conf':
      '[Service]\nExecStart=\nExecStart=-/sbin/agetty --autologin root --keep-baud 115200,57600,38400,9600 - $TERM\n',
  });
  await mkdir(path.join(root, 'boot/firmware'), { recursive: true });
}

/** Puts the kernel's config where its package does: tools that judge an image read it there. */
export async function addKernelConfig(kernelBase: string, release: string, root: string): Promise<void> {
  await cp(path.join(kernelBase, `boot/config-${release}`), path.join(root, `boot/config-${release}`));
}
