import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { addDeviceTrees, addFirmware, addOverlays, compileDeviceTree } from './bootFiles.js';
import { firstbootPath, makeAdverse } from './adverseRoot.js';
import { cached } from './cache.js';
import { openDebianArm, packageNeeds, type DebianArch, type DebianArm, type DebianPackage } from './debianArm.js';
import { writeCardImage } from './diskImage.js';
import { bootModules } from './fastRoot.js';
import { fullTree, unpackFullTree } from './fullTree.js';
import { readImageInput, recordImageInput, withPresentPackages, type ImageInput } from './imageInput.js';
import { installModules, resolveKernel, unpackKernel, type DebianKernel } from './kernel.js';
import { addKernelConfig, addPackages, addSystemBasics, systemModuleFolders } from './systemRoot.js';
import { run } from './run.js';

/** Unusual on purpose: leading zeros that a careless reader of the MBR drops from the PARTUUID. */
const diskId = '00000a7f';

/** Kernels of one image, by the name firmware asks for; only the first can boot a `virt` board, the third is 32-bit. */
const flavours = [
  { file: 'kernel8.img', initramfs: 'initramfs8', meta: 'linux-image-arm64', arch: 'arm64' },
  { file: 'kernel_2712.img', initramfs: 'initramfs_2712', meta: 'linux-image-cloud-arm64', arch: 'arm64' },
  { file: 'kernel7l.img', initramfs: 'initramfs7l', meta: 'linux-image-armmp-lpae', arch: 'armhf' },
] as const satisfies readonly { file: string; initramfs: string; meta: string; arch: DebianArch }[];

/** Debian has no device tree for Pi 5. This stands in where a simulated Pi 5 asks for one; no kernel can start from it. */
const pi5DeviceTree = `/dts-v1/;
/ {
	compatible = "raspberrypi,5-model-b", "brcm,bcm2712";
	model = "Raspberry Pi 5 Model B (stand-in)";
	#address-cells = <2>;
	#size-cells = <1>;
	chosen { };
	memory@0 { device_type = "memory"; reg = <0 0 0x28000000>; };
};
`;

const config = `dtparam=audio=on
camera_auto_detect=1
display_auto_detect=1
auto_initramfs=1
dtoverlay=act-heartbeat
max_framebuffers=2
disable_fw_kms_setup=1
arm_64bit=1
disable_overscan=1
arm_boost=1

[cm4]
otg_mode=1

[cm5]
dtoverlay=dwc2,dr_mode=host

[all]
enable_uart=1
`;

const cmdline = `console=serial0,115200 console=tty1 root=PARTUUID=${diskId}-02 rootfstype=ext4 fsck.repair=yes rootwait quiet init=${firstbootPath}\n`;

/** The vendor's own initramfs, which auto_initramfs=1 would load: it knows only cards, and waits for one. */
const vendorInit = `#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
until [ -b /dev/mmcblk0p2 ]; do echo "vendor initramfs: waiting for /dev/mmcblk0p2"; /bin/busybox sleep 10; done
`;

const code = [
  ...[
    'adverseImage.ts',
    'adverseRoot.ts',
    'bootFiles.ts',
    'debianArm.ts',
    'diskImage.ts',
    'fastRoot.ts',
    'imageInput.ts',
  ],
  ...['kernel.ts', 'systemRoot.ts'],
];

type ResolvedKernel = (typeof flavours)[number] & { readonly kernel: DebianKernel; readonly debian: DebianArm };

async function resolveKernels(): Promise<ResolvedKernel[]> {
  const resolved: ResolvedKernel[] = [];
  for (const flavour of flavours) {
    const debian = await openDebianArm(flavour.arch);
    resolved.push({ ...flavour, debian, kernel: await resolveKernel(debian, flavour.meta) });
  }
  return resolved;
}

/** Packs `busybox` and `vendorInit` as an initramfs of the vendor's. */
async function packVendorInitramfs(scratch: string, busybox: string, output: string): Promise<void> {
  const tree = path.join(scratch, 'vendor-initramfs');
  for (const name of ['bin', 'dev']) await mkdir(path.join(tree, name), { recursive: true });
  await cp(busybox, path.join(tree, 'bin/busybox'));
  await writeFile(path.join(tree, 'init'), vendorInit, { mode: 0o755 });
  const archive = path.join(scratch, 'vendor-initramfs.cpio');
  await run(['cpio', '--quiet', '-o', '-H', 'newc', '-F', archive], {
    cwd: tree,
    input: 'bin\nbin/busybox\ndev\ninit\n',
  });
  await run(['zstd', '-q', '-f', archive, '-o', output]);
}

/** Each kernel, compressed as vendors do, with its initramfs on the boot partition, its modules (`.ko.xz`) in the root. */
async function addKernels(
  kernels: readonly ResolvedKernel[],
  at: { dir: string; scratch: string; boot: string; root: string },
): Promise<void> {
  for (const { file, initramfs, debian, kernel, arch } of kernels) {
    const files = await unpackKernel(debian, kernel, path.join(at.scratch, kernel.release));
    // A 32-bit zImage unpacks itself; the arm64 one is gzipped by whoever ships it, and the firmware unpacks it.
    const target = path.join(at.boot, file);
    await cp(files.image, target);
    if (arch === 'arm64') await run(['sh', '-c', 'gzip -n -6 "$1" && mv "$1.gz" "$1"', 'sh', target]);
    const names = file === 'kernel8.img' ? bootModules : [];
    await installModules(files, at.root, { names, folders: systemModuleFolders, xz: true });
    await addKernelConfig(files.base, kernel.release, at.root);
    if (file === 'kernel8.img') {
      await addDeviceTrees(files, at.boot);
      await cp(files.image, path.join(at.dir, 'kernel'));
    } else await cp(path.join(at.boot, 'initramfs8'), path.join(at.boot, initramfs));
    await rm(files.base, { recursive: true });
  }
}

interface Extras {
  readonly firmware: DebianPackage;
  readonly busybox: DebianPackage;
  /** NetworkManager and dphys-swapfile with what they depend on. */
  readonly vendor: readonly DebianPackage[];
}

async function fill(
  dir: string,
  tar: string,
  kernels: readonly ResolvedKernel[],
  debian: DebianArm,
  extras: Extras,
): Promise<void> {
  const [scratch, boot] = [path.join(dir, 'scratch'), path.join(dir, 'boot')];
  const root = path.join(scratch, 'root');
  for (const made of [boot, root]) await mkdir(made, { recursive: true });
  await unpackFullTree(tar, root);
  await addPackages(debian, extras.vendor, root);
  await addSystemBasics(root, { hostname: 'raspberrypi', fstab: '' });
  await makeAdverse(root, diskId);
  await addFirmware(debian, extras.firmware, path.join(scratch, 'firmware'), boot);
  await addOverlays(boot);
  for (const name of ['bcm2712-rpi-5-b.dtb', 'bcm2712d0-rpi-5-b.dtb'])
    await compileDeviceTree(pi5DeviceTree, path.join(boot, name));
  await debian.unpack([extras.busybox], path.join(scratch, 'busybox'));
  await packVendorInitramfs(scratch, path.join(scratch, 'busybox/bin/busybox'), path.join(boot, 'initramfs8'));
  await addKernels(kernels, { dir, scratch, boot, root });
  await writeFile(path.join(boot, 'config.txt'), config);
  await writeFile(path.join(boot, 'cmdline.txt'), cmdline);
  await writeCardImage({
    ...{ file: path.join(dir, 'adverse.img'), diskId, totalMiB: 1024 },
    boot: { dir: boot, sizeMiB: 256, label: 'bootfs' },
    root: { dir: root, label: 'rootfs' },
  });
  await rm(scratch, { recursive: true });
}

async function build(): Promise<string> {
  const tar = await fullTree();
  const kernels = await resolveKernels();
  const debian = await openDebianArm('arm64');
  const [firmware, busybox] = await debian.show(['raspi-firmware', 'busybox-static']);
  const status = path.join(path.dirname(tar), 'dpkg-status');
  const vendor = await debian.withDependencies(['network-manager', 'dphys-swapfile'], status);
  if (firmware === undefined || busybox === undefined) throw new Error('unreachable: show answers for each name');
  const packages = kernels.flatMap(({ arch, kernel }) => packageNeeds(arch, [kernel.package]));
  return cached({
    name: 'adverse-image',
    code,
    needs: [...packages, ...packageNeeds('arm64', [firmware, busybox, ...vendor]), path.basename(path.dirname(tar))],
    async build(dir) {
      await fill(dir, tar, kernels, debian, { firmware, busybox, vendor });
      const kernelRelease = kernels[0]?.kernel.release ?? '';
      await recordImageInput(dir, { file: 'adverse.img', diskId, kernelRelease });
    },
  });
}

/**
 * A vendor's image at its worst, all of it real: a first-boot `init=`, `quiet`, `auto_initramfs=1` with initramfs files that
 * know only cards, gzipped kernels for three kinds of board, compressed modules, fstab entries for disks that are not
 * there, resize and swap-file services, a service that waits for a person before multi-user, one that throws SSH host
 * keys away, NetworkManager in charge of the card, and a disk identifier with leading zeros. The README lists why.
 */
export async function adverseImage(): Promise<ImageInput> {
  return readImageInput(await withPresentPackages(['arm64', 'armhf'], build));
}
