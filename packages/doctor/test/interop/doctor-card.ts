import { mkdir, cp, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { writeCardImage } from '../../../../e2e/inputs/diskImage.js';
import { inputs } from '../../../../e2e/inputs/index.js';

/** More than bootloaders from before 2025-09-23 can count through in blocks of 1024 bytes. */
const largeFile = 70_000_000;

/** A card that a Pi 3 and a Pi 4 boot, with a large file on its boot partition that nobody reads. */
export async function writeTestCard(folder: string): Promise<string> {
  const fast = await inputs.fast();
  const [boot, file] = [join(folder, 'boot'), join(folder, 'card.img')];
  await mkdir(boot, { recursive: true });
  await cp(fast.bootDir, boot, { recursive: true });
  await writeFile(join(boot, 'large.img'), '');
  await truncate(join(boot, 'large.img'), largeFile);
  await writeCardImage({
    ...{ file, diskId: 'd0c70001', totalMiB: 384 },
    boot: { dir: boot, sizeMiB: 256, label: 'bootfs' },
    root: { dir: fast.rootDir, label: 'rootfs' },
  });
  return file;
}
