import type { Ext4Volume } from '@drover/disk-image';
import type { RootKernel } from './plan.js';

const kernelFolder = '/boot';
const firmwareFolder = '/usr/lib/raspi-firmware';

const namesIn = async (volume: Ext4Volume, folder: string): Promise<string[]> => {
  if ((await volume.stat(folder)) === undefined) return [];
  return (await volume.readdir(folder)).map(({ name }) => name).sort();
};

/** Files below a folder at any depth, by their paths. */
async function filesBelow(volume: Ext4Volume, folder: string): Promise<string[]> {
  const found: string[] = [];
  for (const name of await namesIn(volume, folder)) {
    const path = `${folder}/${name}`;
    const stat = await volume.lstat(path);
    if (stat?.kind === 'directory') found.push(...(await filesBelow(volume, path)));
    else if (stat?.kind === 'file') found.push(path);
  }
  return found;
}

/** Numbers in them count as numbers: 6.1.0-9 is older than 6.1.0-56. */
const newest = (releases: readonly string[]): string | undefined =>
  [...releases].sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).at(-1);

/** What a root of Debian has for a boot partition. */
export interface BootSources {
  readonly kernel: RootKernel | undefined;
  readonly firmware: readonly string[];
}

/** The newest of its kernels, where Debian's packages put it (Linux kernel handbook, 5), and the files of raspi-firmware. */
export async function collectBoot(volume: Ext4Volume): Promise<BootSources> {
  const firmware = await filesBelow(volume, firmwareFolder);
  const releases = (await namesIn(volume, kernelFolder)).flatMap((name) => /^vmlinuz-(.+)$/.exec(name)?.[1] ?? []);
  const release = newest(releases);
  if (release === undefined) return { kernel: undefined, firmware };
  const trees = (await filesBelow(volume, `/usr/lib/linux-image-${release}`)).filter((path) => path.endsWith('.dtb'));
  return { kernel: { release, path: `${kernelFolder}/vmlinuz-${release}`, trees }, firmware };
}
