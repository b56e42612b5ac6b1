/** Small cards with systems of random bytes, in the layouts that boards know. */
import { execFileSync } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const mib = 2 ** 20;
export const place = { offset: 4 * mib, size: 40 * mib } as const;

const write = (folder: string, name: string, content: string | Buffer): void => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
};

/** A set of boot files with its list. */
export function makeSet(folder: string, cmdline: string): string {
  const files: Record<string, string | Buffer> = {
    'kernel8.img': randomBytes(300_001),
    'kernel_2712.img': randomBytes(300_001),
    'bcm2710-rpi-3-b.dtb': randomBytes(20_000),
    'bcm2711-rpi-4-b.dtb': randomBytes(20_000),
    'bcm2712-rpi-5-b.dtb': randomBytes(20_000),
    'drover.img': randomBytes(200_003),
    'config.txt': 'arm_64bit=1\ninitramfs drover.img followkernel\n',
    'cmdline.txt': `${cmdline}\n`,
  };
  const sums = Object.entries(files).map(
    ([name, content]) => `${createHash('sha256').update(content).digest('hex')}  ${name}\n`,
  );
  for (const [name, content] of Object.entries({ ...files, SHA256SUMS: sums.join('') })) write(folder, name, content);
  return folder;
}

/** Firmware that no board changes. */
export function makeFirmware(folder: string): string {
  for (const name of ['bootcode.bin', 'start.elf', 'start4.elf', 'fixup.dat', 'fixup4.dat'])
    write(folder, name, randomBytes(20_000));
  return folder;
}

export const copyIn = (partition: string, folder: string, names = readdirSync(folder), to = '/'): void => {
  for (const name of names)
    execFileSync('mcopy', ['-s', '-D', 'o', '-i', partition, join(folder, name), `::${to}`], { stdio: 'pipe' });
};

/** A card with the content of these folders, made by sfdisk, mkfs.vfat and mcopy. */
export function makeCard(path: string, folders: readonly string[]): string {
  writeFileSync(path, '');
  truncateSync(path, place.offset + place.size + 4 * mib);
  const input = `start=${place.offset / 512}, size=${place.size / 512}, type=c\n`;
  execFileSync('sfdisk', ['-q', path], { input, stdio: 'pipe' });
  const format = ['-F', '32', '-s', '1', '--offset', String(place.offset / 512)];
  execFileSync('mkfs.vfat', [...format, path, String(place.size / 1024)], { stdio: 'pipe' });
  for (const folder of folders) copyIn(`${path}@@${place.offset}`, folder);
  return path;
}
