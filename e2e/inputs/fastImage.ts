import { cp, link, mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { addDeviceTrees, addFirmware, addOverlays } from './bootFiles.js';
import { cached } from './cache.js';
import { openDebianArm, packageNeeds } from './debianArm.js';
import { writeCardImage } from './diskImage.js';
import { makeFastRoot } from './fastRoot.js';
import { readImageInput, recordImageInput, withPresentPackages, type ImageInput } from './imageInput.js';
import { resolveKernel, unpackKernel } from './kernel.js';

export interface FastImage extends ImageInput {
  /** The folder the root partition was made from: the truth to compare a reading of the partition with. */
  readonly rootDir: string;
}

/** Size of the boot partition. */
export const fastBootMiB = 128;

const fastDiskId = 'd10f5a57';

const fastConfig = `# Fast lab image: Debian's arm64 kernel and a busybox root.
arm_64bit=1
enable_uart=1
dtparam=watchdog=on
dtoverlay=act-heartbeat

[pi3]
core_freq=250

[all]
disable_splash=1
`;

const code = [
  'aptSources.ts',
  'bootFiles.ts',
  'debianArm.ts',
  'diskImage.ts',
  'fastImage.ts',
  'fastRoot.ts',
  'kernel.ts',
];

async function build(): Promise<string> {
  const debian = await openDebianArm('arm64');
  const kernel = await resolveKernel(debian, 'linux-image-arm64');
  const [firmware, busybox] = await debian.show(['raspi-firmware', 'busybox-static']);
  if (firmware === undefined || busybox === undefined) throw new Error('unreachable: show answers for each name');
  return cached({
    name: 'fast-image',
    code,
    needs: packageNeeds('arm64', [kernel.package, firmware, busybox]),
    async build(dir) {
      const scratch = path.join(dir, 'scratch');
      const boot = path.join(dir, 'boot');
      const root = path.join(dir, 'root');
      await mkdir(boot, { recursive: true });
      const files = await unpackKernel(debian, kernel, path.join(scratch, 'kernel'));
      await debian.unpack([busybox], path.join(scratch, 'busybox'));
      await addFirmware(debian, firmware, path.join(scratch, 'firmware'), boot);
      await addDeviceTrees(files, boot);
      await addOverlays(boot);
      await cp(files.image, path.join(boot, 'kernel8.img'));
      await link(path.join(boot, 'kernel8.img'), path.join(dir, 'kernel'));
      await writeFile(path.join(boot, 'config.txt'), fastConfig);
      await writeFile(
        path.join(boot, 'cmdline.txt'),
        `console=serial0,115200 console=tty1 root=PARTUUID=${fastDiskId}-02 rootfstype=ext4 fsck.repair=yes rootwait\n`,
      );
      await makeFastRoot(root, {
        busybox: path.join(scratch, 'busybox/bin/busybox'),
        kernel: files,
        diskId: fastDiskId,
      });
      await writeCardImage({
        file: path.join(dir, 'fast.img'),
        diskId: fastDiskId,
        boot: { dir: boot, sizeMiB: fastBootMiB, label: 'bootfs' },
        root: { dir: root, label: 'rootfs' },
        totalMiB: 256,
      });
      await rm(scratch, { recursive: true });
      await recordImageInput(dir, { file: 'fast.img', diskId: fastDiskId, kernelRelease: kernel.release });
    },
  });
}

/**
 * The image for quick tests: Debian's arm64 kernel as kernel8.img, real Pi firmware and device trees on FAT32, and a
 * busybox root of some megabytes on ext4. Boots in QEMU in seconds once it has an initramfs.
 */
export async function fastImage(): Promise<FastImage> {
  const dir = await withPresentPackages(['arm64'], build);
  return { ...(await readImageInput(dir)), rootDir: path.join(dir, 'root') };
}
