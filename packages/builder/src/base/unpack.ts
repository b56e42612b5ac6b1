import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { packTar } from '@drover/disk-image';
import type { StepContext } from '../steps/context.js';
import type { BaseImage } from './base-image.js';

/** Largest file of a boot partition: kernels and initramfs. */
const limit = 512 * 1024 * 1024;

/** The files of its boot partition into a folder of this machine. */
async function writeBootFiles({ boot }: BaseImage, folder: string): Promise<void> {
  await mkdir(folder);
  for (const { path, kind } of await boot.entries()) {
    const into = join(folder, path);
    if (kind === 'directory') await mkdir(into, { recursive: true });
    else {
      await mkdir(dirname(into), { recursive: true });
      await writeFile(into, await boot.readFile(path, limit));
    }
  }
}

/**
 * Unpacks an image into an empty folder of the sandbox: its root, and the files of its boot partition where they are seen in the running system. Device nodes
 * are left out, as nobody can make them there: /dev is the kernel's.
 */
export async function unpackBase(
  base: BaseImage,
  into: string,
  { sandbox, folder, onOutput }: Omit<StepContext, 'root'>,
): Promise<void> {
  const tar = ['-x', '-f', '-', '-C', into, '-p', '--numeric-owner', '--xattrs', '--xattrs-include=*'];
  await sandbox.run('tar', tar, { input: packTar(base.root, { skipDevices: true }), onOutput });
  const files = join(folder, 'boot');
  await writeBootFiles(base, files);
  const place = into + base.bootFolder;
  await sandbox.run('sh', ['-euc', 'mkdir -p "$2"; cp -r "$1/." "$2"', 'sh', files, place]);
}
