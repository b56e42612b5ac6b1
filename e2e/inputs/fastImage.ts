import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { addDeviceTrees, addFirmware, addOverlays } from './bootFiles.js';
import { cached } from './cache.js';
import { openDebianArm, packageNeeds, refreshPackageLists, StalePackageLists } from './debianArm.js';
import { writeCardImage } from './diskImage.js';
import { makeFastRoot } from './fastRoot.js';
import { resolveKernel, unpackKernel } from './kernel.js';

/** A file somebody could have uploaded, with what a test needs to know of it. */
export interface ImageInput {
  /** The `.img`, read-only by agreement: tests that change it copy it first. */
  readonly path: string;
  /** Of the file, lowercase hex. */
  readonly sha256: string;
  readonly bytes: number;
  /** MBR disk identifier, 8 lowercase hex digits. */
  readonly diskId: string;
  /** `uname -r` of the kernel a 64-bit Pi 3 or 4 starts. */
  readonly kernelRelease: string;
  /** The same boot partition as a folder, for tests that need a file of it without a FAT reader. */
  readonly bootDir: string;
  /** The uncompressed arm64 kernel, ready for `qemu -kernel`. */
  readonly kernel: string;
}

const inputFile = 'input.json';

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Records an image that was just built in `dir`, so that `readImageInput` need not hash it again. */
export async function recordImageInput(
  dir: string,
  facts: { readonly file: string; readonly diskId: string; readonly kernelRelease: string },
): Promise<void> {
  const { file, diskId, kernelRelease } = facts;
  const [sha256, { size }] = [await sha256Of(path.join(dir, file)), await stat(path.join(dir, file))];
  await writeFile(
    path.join(dir, inputFile),
    JSON.stringify({ file, sha256, bytes: size, diskId, kernelRelease }, null, 2),
  );
}

export async function readImageInput(dir: string): Promise<ImageInput> {
  const facts = JSON.parse(await readFile(path.join(dir, inputFile), 'utf8')) as {
    file: string;
    sha256: string;
    bytes: number;
    diskId: string;
    kernelRelease: string;
  };
  const { file, ...rest } = facts;
  return { ...rest, path: path.join(dir, file), bootDir: path.join(dir, 'boot'), kernel: path.join(dir, 'kernel') };
}

/** Runs `make`; when the mirror has moved on since our package lists were fetched, fetches them and runs it once more. */
export async function withPresentPackages<T>(
  arches: Parameters<typeof refreshPackageLists>[0][],
  make: () => Promise<T>,
): Promise<T> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof StalePackageLists)) throw error;
    for (const arch of arches) await refreshPackageLists(arch);
    return make();
  }
}

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
      const root = path.join(scratch, 'root');
      await mkdir(boot, { recursive: true });
      const files = await unpackKernel(debian, kernel, path.join(scratch, 'kernel'));
      await debian.unpack([busybox], path.join(scratch, 'busybox'));
      await addFirmware(debian, firmware, path.join(scratch, 'firmware'), boot);
      await addDeviceTrees(files, boot);
      await addOverlays(boot);
      await cp(files.image, path.join(boot, 'kernel8.img'));
      await cp(files.image, path.join(dir, 'kernel'));
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
        boot: { dir: boot, sizeMiB: 128, label: 'bootfs' },
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
export async function fastImage(): Promise<ImageInput> {
  return readImageInput(await withPresentPackages(['arm64'], build));
}
