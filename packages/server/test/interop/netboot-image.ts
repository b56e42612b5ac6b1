import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { openFat } from '@drover/disk-image';
import type { BootTree } from '../../src/domain/boot-plan.js';

const run = promisify(execFile);

/** Sizes around everything that is counted in blocks, and names that are not in FAT's capitals. */
export const standardFiles = (): Map<string, Buffer> =>
  new Map([
    ['start4.elf', randomBytes(2_260_000)],
    ['fixup4.dat', randomBytes(5_448)],
    ['bootcode.bin', randomBytes(52_000)],
    ['kernel8.img', randomBytes(9_000_001)],
    ['bcm2711-rpi-4-b.dtb', randomBytes(55_000)],
    ['overlays/vc4-kms-v3d.dtbo', randomBytes(1024)],
    ['overlays/README', Buffer.from('overlays\n')],
    ['empty.txt', Buffer.alloc(0)],
    ['exact512.bin', randomBytes(512)],
    ['exact1468.bin', randomBytes(1468 * 3)],
    ['config.txt', Buffer.from('# test image\nauto_initramfs=1\narm_64bit=1\n[pi4]\nmax_framebuffers=2\n', 'latin1')],
    ['cmdline.txt', Buffer.from('console=serial0,115200 console=tty1 root=PARTUUID=1-02 rootwait quiet\n')],
  ]);

/** A FAT file system made by programs no one here wrote, and its tree as our reader sees it. */
export async function makeBootPartition(
  folder: string,
  files: ReadonlyMap<string, Buffer>,
): Promise<{ path: string; tree: Omit<BootTree, 'image'> }> {
  const path = join(folder, 'boot.fat');
  await writeFile(path, '');
  await run('truncate', ['-s', '32M', path]);
  await run('mkfs.vfat', ['-F', '16', '-n', 'BOOT', path]);
  for (const [name, bytes] of files) {
    const local = join(folder, 'files', name);
    await mkdir(dirname(local), { recursive: true });
    await writeFile(local, bytes);
  }
  const entries = [...new Set([...files.keys()].map((name) => name.split('/')[0]!))].map((name) =>
    join(folder, 'files', name),
  );
  await run('mcopy', ['-s', '-i', path, ...entries, '::']);
  const image = await readFile(path);
  const volume = await openFat({
    size: image.length,
    read: async (offset, length) => image.subarray(offset, offset + length),
  });
  const found = (await volume.entries()).filter(({ kind }) => kind === 'file');
  return {
    path,
    tree: {
      version: 1,
      files: found.map(({ path: name, size, extents }) => ({
        path: name,
        size,
        extents: extents.map(({ offset, length }) => [offset, length] as const),
      })),
      config: files.get('config.txt')?.toString('latin1') ?? null,
      cmdline: files.get('cmdline.txt')?.toString('latin1') ?? null,
      kernels: [{ file: 'kernel8.img', architecture: 'arm64', release: '6.6.31-v8' }],
    },
  };
}
