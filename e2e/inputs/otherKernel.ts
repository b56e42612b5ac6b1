import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cached } from './cache.js';
import { openDebianArm, packageNeeds } from './debianArm.js';
import { withPresentPackages } from './imageInput.js';
import { installModules, resolveKernel, unpackKernel } from './kernel.js';
import { run } from './run.js';

export interface OtherKernel {
  /** What `uname -r` says. */
  readonly release: string;
  /** A folder with `kernel.tar` alone: `root/vmlinuz` and the modules below `usr/lib/modules`, to be unpacked in `/`. */
  readonly dir: string;
}

/** What an emulated board needs to boot from the network, and to mount its boot partition. */
const modules = [
  ...['overlay', 'squashfs', 'loop', 'nbd', 'ext4', 'vfat', 'nls_ascii', 'nls_cp437'],
  ...['virtio_net', 'virtio_blk', 'virtio_pci', 'virtio_mmio'],
];

async function build(): Promise<string> {
  const debian = await openDebianArm('arm64');
  const kernel = await resolveKernel(debian, 'linux-image-cloud-arm64');
  return cached({
    name: 'other-kernel',
    code: ['otherKernel.ts', 'kernel.ts', 'debianArm.ts'],
    needs: packageNeeds('arm64', [kernel.package]),
    async build(dir) {
      const scratch = path.join(dir, 'scratch');
      const tree = path.join(scratch, 'tree');
      const files = await unpackKernel(debian, kernel, path.join(scratch, 'kernel'));
      await mkdir(path.join(tree, 'root'), { recursive: true });
      await cp(files.image, path.join(tree, 'root/vmlinuz'));
      await installModules(files, tree, { names: modules });
      await mkdir(path.join(tree, 'usr'));
      await cp(path.join(tree, 'lib'), path.join(tree, 'usr/lib'), { recursive: true });
      await mkdir(path.join(dir, 'served'));
      await run(['tar', '-cf', path.join(dir, 'served/kernel.tar'), '-C', tree, 'root/vmlinuz', 'usr/lib/modules']);
      await writeFile(path.join(dir, 'release'), kernel.release);
      await rm(scratch, { recursive: true });
    },
  });
}

/** Another kernel than the images have, as an upgrade would bring it: Debian's arm64 kernel for clouds. */
export async function otherKernel(): Promise<OtherKernel> {
  const dir = await withPresentPackages(['arm64'], build);
  return { release: await readFile(path.join(dir, 'release'), 'utf8'), dir: path.join(dir, 'served') };
}
