import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageManifest } from '@drover/builder';
import { createToolRunner } from '@drover/tools';
import { openSandbox } from '../../packages/builder/src/machine/sandbox.js';
import { setUpEmulation } from '../../packages/builder/src/machine/set-up-emulation.js';

/** The boot partition that raspi-firmware insists on; the initramfs of Debian is left out on both sides. */
const script = `
boot='mkdir -p "$1/boot/firmware"; mount -t tmpfs tmpfs "$1/boot/firmware"'
mmdebstrap --mode=root --architectures=arm64 --variant=minbase --skip=check/qemu --format=directory \\
  --components=main,contrib,non-free-firmware --include="$1" \\
  --essential-hook="$boot" --customize-hook='umount "$1/boot/firmware"' "$2" "$3/root" >"$3/log" 2>&1 ||
  { tail -n 30 "$3/log"; exit 1; }
mksquashfs "$3/root" "$3/rootfs.sqsh" -comp zstd -Xcompression-level 3 -noappend -no-progress -quiet
sync -f "$3/rootfs.sqsh"
rm -rf "$3/root" "$3/rootfs.sqsh"`;

/**
 * What one would do without Drover: mmdebstrap with the same packages, and mksquashfs, in the same namespaces under the same emulation. There is no boot
 * partition, no initramfs, no disk, no list of what is in it, and no check. Seconds, with all that comes from the mirror.
 */
export async function buildPlainly(folder: string, suite: string, { packages }: ImageManifest): Promise<number> {
  const tools = createToolRunner();
  const sandbox = await openSandbox(tools, new AbortController().signal);
  const place = join(folder, 'plain');
  mkdirSync(place, { recursive: true });
  try {
    await setUpEmulation(sandbox, 'arm64', process.arch);
    const names = packages.map(({ name }) => name).join(',');
    const began = process.hrtime.bigint();
    const env = { INITRD: 'No', DEBIAN_FRONTEND: 'noninteractive' };
    await sandbox.run('sh', ['-euc', script, 'sh', names, suite, place], { env });
    return Number(process.hrtime.bigint() - began) / 1e9;
  } finally {
    await sandbox.close();
  }
}
