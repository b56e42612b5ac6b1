import { readdir, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from './run.js';

const mib = 1024 * 1024;
const sectorBytes = 512;

/** Where a Raspberry Pi image's first partition starts: sector 8192, 4 MiB. */
export const bootStartMiB = 4;

export interface CardImage {
  /** The file to write. */
  readonly file: string;
  /** MBR disk identifier, 8 lowercase hex digits; PARTUUIDs are `<diskId>-01` and `-02`. */
  readonly diskId: string;
  /** FAT32 partition 1, filled from `dir`. */
  readonly boot: { readonly dir: string; readonly sizeMiB: number; readonly label: string };
  /** ext4 partition 2, up to the image's end, filled from `dir` with owners, links, device nodes and extended attributes. */
  readonly root: { readonly dir: string; readonly label: string };
  /** A power of two when the emulated raspi3b shall take the image as its card. */
  readonly totalMiB: number;
}

async function partition(image: CardImage): Promise<void> {
  const rootStart = bootStartMiB + image.boot.sizeMiB;
  const table = [
    'label: dos',
    `label-id: 0x${image.diskId}`,
    'unit: sectors',
    `start=${(bootStartMiB * mib) / sectorBytes}, size=${(image.boot.sizeMiB * mib) / sectorBytes}, type=c`,
    `start=${(rootStart * mib) / sectorBytes}, size=${((image.totalMiB - rootStart) * mib) / sectorBytes}, type=83`,
  ];
  await run(['sfdisk', '--quiet', image.file], { input: table.join('\n') + '\n' });
}

async function fillBoot(image: CardImage): Promise<void> {
  const { dir, sizeMiB, label } = image.boot;
  const startBytes = bootStartMiB * mib;
  const offset = String(startBytes / sectorBytes);
  // Said outright, because mkfs.vfat would go by the whole file's size: few enough clusters is no FAT32 any more.
  const clusterSectors = sizeMiB < 256 ? '2' : '4';
  const options = ['-F', '32', '-s', clusterSectors, '-n', label, '--offset', offset];
  await run(['mkfs.vfat', ...options, image.file, String(sizeMiB * 1024)]);
  const entries = (await readdir(dir)).sort().map((name) => path.join(dir, name));
  await run(['mcopy', '-Q', '-m', '-s', '-i', `${image.file}@@${startBytes}`, ...entries, '::/']);
}

async function fillRoot(image: CardImage): Promise<void> {
  const startMiB = bootStartMiB + image.boot.sizeMiB;
  const offset = `offset=${startMiB * mib}`;
  const sizeKiB = (image.totalMiB - startMiB) * 1024;
  const options = ['-b', '4096', '-L', image.root.label, '-E', `${offset},root_owner=0:0,lazy_itable_init=1`];
  await run(['mke2fs', '-q', '-F', '-t', 'ext4', ...options, '-d', image.root.dir, image.file, `${sizeKiB}k`]);
  // mke2fs writes plain directories; a used card has indexed ones. 1 = "file system was modified", as asked.
  await run(['e2fsck', '-f', '-y', '-D', `${image.file}?${offset}`], { okCodes: [0, 1] });
}

/** Writes an SD-card image: MBR, FAT32 boot partition, ext4 root. Nothing is mounted; holes stay holes. */
export async function writeCardImage(image: CardImage): Promise<void> {
  await writeFile(image.file, '');
  await truncate(image.file, image.totalMiB * mib);
  await partition(image);
  await fillBoot(image);
  await fillRoot(image);
}
