import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageManifest } from '@drover/builder';

/**
 * What one would do without Drover: mmdebstrap with the packages of a build, and mksquashfs. No boot partition, no initramfs, no disk, no list of packages.
 * Seconds.
 */
export function buildPlainly(folder: string, suite: string, manifest: ImageManifest): number {
  const names = manifest.packages.map(({ name }) => name).join(',');
  const root = join(folder, 'plain');
  const squashfs = join(folder, 'plain.sqsh');
  const began = process.hrtime.bigint();
  const args = ['--architectures=arm64', '--variant=custom', '--mode=root', '--format=directory', `--include=${names}`];
  // raspi-firmware wants a mounted boot partition; neither side makes an initramfs with Debian's tools.
  const hooks = [
    '--essential-hook=mkdir -p "$1/usr/sbin" && ln -s /bin/true "$1/usr/local/sbin/update-initramfs" || :',
    '--skip=check/qemu',
  ];
  execFileSync('mmdebstrap', [...args, ...hooks, suite, root], { stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('mksquashfs', [root, squashfs, '-comp', 'zstd', '-Xcompression-level', '3', '-quiet', '-no-progress'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  rmSync(root, { recursive: true });
  rmSync(squashfs);
  return seconds;
}
