import { readdir, readFile, realpath, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import type { DiskFacts, DiskPart, DiskUse } from './facts.js';

/** Where Linux tells of disks. */
export interface DiskPlaces {
  readonly sys: string;
  readonly proc: string;
  /** `8:16` of a block device, undefined for anything else. Throws where there is nothing. */
  deviceNumber(path: string): Promise<string | undefined>;
}

/** Of this machine. A device number is made as the kernel does (glibc's gnu_dev_major). */
export const localPlaces: DiskPlaces = {
  sys: '/sys',
  proc: '/proc',
  deviceNumber: async (path) => {
    const found = await stat(path, { bigint: true });
    if (!found.isBlockDevice()) return undefined;
    const { rdev } = found;
    const major = ((rdev >> 8n) & 0xfffn) | ((rdev >> 32n) & ~0xfffn);
    const minor = (rdev & 0xffn) | ((rdev >> 12n) & ~0xffn);
    return `${major}:${minor & 0xffff_ffffn}`;
  },
};

const textOf = async (path: string): Promise<string | undefined> =>
  (await readFile(path, 'utf8').catch(() => undefined))?.trim();

const namesIn = (folder: string): Promise<string[]> => readdir(folder).catch(() => []);

/** sysfs counts in sectors of 512 bytes, whatever the disk has. */
const sizeIn = async (folder: string): Promise<number> => Number((await textOf(join(folder, 'size'))) ?? 0) * 512;

/** The disk and its partitions: name, folder in sysfs, device number. */
interface Part extends DiskPart {
  readonly folder: string;
  readonly number: string | undefined;
}

const partAt = async (folder: string): Promise<Part> => ({
  name: basename(folder),
  folder,
  size: await sizeIn(folder),
  number: await textOf(join(folder, 'dev')),
});

async function partitionsOf(folder: string): Promise<Part[]> {
  const parts: Part[] = [];
  for (const name of (await namesIn(folder)).sort((a, b) => a.localeCompare(b, 'en', { numeric: true })))
    if ((await textOf(join(folder, name, 'partition'))) !== undefined) parts.push(await partAt(join(folder, name)));
  return parts;
}

const unescaped = (text: string): string =>
  text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));

/**
 * Mounts (proc_pid_mountinfo(5)) by device number, or by the name of the device: btrfs has numbers of its own there.
 */
async function mountsOf(parts: readonly Part[], proc: string): Promise<DiskUse[]> {
  const uses: DiskUse[] = [];
  for (const line of (await readFile(join(proc, 'self/mountinfo'), 'utf8')).split('\n')) {
    const [fields = '', rest = ''] = line.split(' - ', 2);
    const [, , number, , place = ''] = fields.split(' ');
    const source = unescaped(rest.split(' ')[1] ?? '');
    const part = parts.find((each) => each.number === number || `/dev/${each.name}` === source);
    if (part !== undefined) uses.push({ name: part.name, kind: 'mount', by: unescaped(place) });
  }
  return uses;
}

async function swapsOf(parts: readonly Part[], proc: string): Promise<DiskUse[]> {
  const lines = ((await textOf(join(proc, 'swaps'))) ?? '').split('\n').slice(1);
  return lines.flatMap((line): DiskUse[] => {
    const path = unescaped(line.split(/\s/, 1)[0] ?? '');
    const part = parts.find(({ name }) => `/dev/${name}` === path);
    return part === undefined ? [] : [{ name: part.name, kind: 'swap', by: path }];
  });
}

async function holdersOf(parts: readonly Part[]): Promise<DiskUse[]> {
  const uses: DiskUse[] = [];
  for (const { name, folder } of parts)
    for (const by of await namesIn(join(folder, 'holders'))) uses.push({ name, kind: 'holder', by });
  return uses;
}

/** SD cards say so themselves; readers at USB often do not call their card removable, but are at USB. A soldered eMMC says MMC. */
async function isRemovable(folder: string): Promise<boolean> {
  const type = await textOf(join(folder, 'device/type'));
  if (basename(folder).startsWith('mmcblk')) return type === 'SD';
  return (await textOf(join(folder, 'removable'))) === '1' || /\/usb\d+\//.test(folder);
}

async function modelOf(folder: string): Promise<string | undefined> {
  const words = [
    await textOf(join(folder, 'device/vendor')),
    (await textOf(join(folder, 'device/model'))) ?? (await textOf(join(folder, 'device/name'))),
  ];
  return words.filter((word) => word !== undefined && word !== '' && !word.startsWith('0x')).join(' ') || undefined;
}

async function numberOf(path: string, places: DiskPlaces): Promise<string> {
  const number = await places.deviceNumber(path).catch((fault: NodeJS.ErrnoException) => {
    const why = fault.code === 'ENOENT' ? 'is not there' : `cannot be looked at (${fault.code ?? fault.message})`;
    throw new RefusedError(
      refusal('card.disk-refused', `${path} ${why}.`, { remedy: 'See `lsblk` for what is there.' }),
    );
  });
  if (number !== undefined) return number;
  throw new RefusedError(
    refusal('card.disk-refused', `${path} is not a disk.`, {
      remedy: 'Name a device such as /dev/sdb; for a file there is `drover card image`.',
    }),
  );
}

/** Looks at a disk. Throws RefusedError where there is none. */
export async function readDiskFacts(path: string, places: DiskPlaces = localPlaces): Promise<DiskFacts> {
  const number = await numberOf(path, places);
  const folder = await realpath(join(places.sys, 'dev/block', number));
  const isPart = (await textOf(join(folder, 'partition'))) !== undefined;
  const partitions = await partitionsOf(folder);
  const all = [await partAt(folder), ...partitions];
  return {
    path,
    name: basename(folder),
    partOf: isPart ? basename(join(folder, '..')) : undefined,
    model: await modelOf(folder),
    size: await sizeIn(folder),
    readOnly: (await textOf(join(folder, 'ro'))) === '1',
    removable: await isRemovable(folder),
    partitions: partitions.map(({ name, size }) => ({ name, size })),
    uses: [...(await mountsOf(all, places.proc)), ...(await swapsOf(all, places.proc)), ...(await holdersOf(all))],
  };
}
