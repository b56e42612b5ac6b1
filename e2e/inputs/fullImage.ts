import { cp, link, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { addDeviceTrees, addFirmware, addOverlays } from './bootFiles.js';
import { cached } from './cache.js';
import { openDebianArm, packageNeeds } from './debianArm.js';
import { writeCardImage } from './diskImage.js';
import { bootModules } from './fastRoot.js';
import { fullTree, unpackFullTree } from './fullTree.js';
import { readImageInput, recordImageInput, withPresentPackages, type ImageInput } from './imageInput.js';
import { installModules, resolveKernel, unpackKernel } from './kernel.js';
import {
  addKernelConfig,
  addPackages,
  addSystemBasics,
  enableUnit,
  systemModuleFolders,
  writeSystemFiles,
} from './systemRoot.js';

const diskId = '5e1f0a11';

const fstab = `proc /proc proc defaults 0 0
PARTUUID=${diskId}-01 /boot/firmware vfat defaults 0 2
PARTUUID=${diskId}-02 / ext4 defaults,noatime 0 1
`;

const wiredNetwork = `[Match]
Name=en* eth* usb*

[Network]
DHCP=ipv4
`;

const code = [
  ...['bootFiles.ts', 'debianArm.ts', 'diskImage.ts', 'fastRoot.ts', 'fullImage.ts', 'imageInput.ts', 'kernel.ts'],
  'systemRoot.ts',
];

interface Variant {
  readonly name: string;
  /** Packages that are unpacked over the tree with what they depend on; none of their scripts runs. */
  readonly added: readonly string[];
  readonly totalMiB: number;
}

async function build({ name, added, totalMiB }: Variant): Promise<string> {
  const tar = await fullTree();
  const debian = await openDebianArm('arm64');
  const status = path.join(path.dirname(tar), 'dpkg-status');
  const more = added.length === 0 ? [] : await debian.withDependencies(added, status);
  const kernel = await resolveKernel(debian, 'linux-image-arm64');
  const [firmware] = await debian.show(['raspi-firmware']);
  if (firmware === undefined) throw new Error('unreachable: show answers for each name');
  return cached({
    name,
    code,
    needs: [...packageNeeds('arm64', [kernel.package, firmware, ...more]), path.basename(path.dirname(tar))],
    async build(dir) {
      const [scratch, boot] = [path.join(dir, 'scratch'), path.join(dir, 'boot')];
      const root = path.join(scratch, 'root');
      for (const made of [boot, root]) await mkdir(made, { recursive: true });
      await unpackFullTree(tar, root);
      if (more.length > 0) await addPackages(debian, more, root);
      const files = await unpackKernel(debian, kernel, path.join(scratch, 'kernel'));
      await installModules(files, root, { names: bootModules, folders: systemModuleFolders });
      await addKernelConfig(files.base, kernel.release, root);
      await addSystemBasics(root, { hostname: 'fullpi', fstab });
      await writeSystemFiles(root, { '/etc/systemd/network/20-wired.network': wiredNetwork });
      await enableUnit(root, 'systemd-networkd.service', 'multi-user.target');
      await addFirmware(debian, firmware, path.join(scratch, 'firmware'), boot);
      await addDeviceTrees(files, boot);
      await addOverlays(boot);
      await cp(files.image, path.join(boot, 'kernel8.img'));
      await link(path.join(boot, 'kernel8.img'), path.join(dir, 'kernel'));
      await writeFile(
        path.join(boot, 'config.txt'),
        'arm_64bit=1\nenable_uart=1\ndtparam=audio=on\ndisable_overscan=1\n',
      );
      await writeFile(
        path.join(boot, 'cmdline.txt'),
        `console=serial0,115200 console=tty1 root=PARTUUID=${diskId}-02 rootfstype=ext4 fsck.repair=yes rootwait\n`,
      );
      await writeCardImage({
        ...{ file: path.join(dir, 'full.img'), diskId, totalMiB },
        boot: { dir: boot, sizeMiB: 256, label: 'bootfs' },
        root: { dir: root, label: 'rootfs' },
      });
      await rm(scratch, { recursive: true });
      await recordImageInput(dir, { file: 'full.img', diskId, kernelRelease: kernel.release });
    },
  });
}

/**
 * Debian arm64 with systemd, udev, D-Bus, networkd and an SSH server without host keys: an ordinary, well-behaved system.
 * A serial console gets a root shell without a password.
 */
export async function fullImage(): Promise<ImageInput> {
  const variant = { name: 'full-image', added: [], totalMiB: 1024 };
  return readImageInput(await withPresentPackages(['arm64'], () => build(variant)));
}

/** What people put on a Pi: compilers, languages, containers, a browser. */
const livedIn = [
  ...['build-essential', 'git', 'vim', 'python3-numpy', 'nodejs', 'golang-go', 'openjdk-17-jdk-headless'],
  ...['docker.io', 'firefox-esr'],
];

/** As `fullImage`, with a root of the size that Raspberry Pi OS has, to be copied rather than booted. */
export async function largeImage(): Promise<ImageInput> {
  const variant = { name: 'large-image', added: livedIn, totalMiB: 4096 };
  return readImageInput(await withPresentPackages(['arm64'], () => build(variant)));
}
