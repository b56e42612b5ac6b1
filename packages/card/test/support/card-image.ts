import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const MiB = 1024 * 1024;

/** Where the boot partition of {@link makeCardImage} begins. */
export const bootStart = 4 * MiB;

export interface CardImageKind {
  readonly label?: 'dos' | 'gpt';
  /** Bytes of the disk. */
  readonly size?: number;
}

/** A small disk as vendors lay out theirs: FAT with a config.txt, and ext4 with an fstab, made by the system's tools. */
export function makeCardImage(path: string, { label = 'dos', size = 72 * MiB }: CardImageKind = {}): void {
  const sector = 512;
  const bootSectors = (32 * MiB) / sector;
  const rootStart = bootStart / sector + bootSectors;
  // A GPT has its copy behind the last partition.
  const rootSectors = (size - MiB) / sector - rootStart;
  const types = label === 'dos' ? ['c', '83'] : ['uefi', 'linux'];
  const table = [
    `label: ${label}`,
    `start=${bootStart / sector}, size=${bootSectors}, type=${types[0] ?? ''}`,
    `start=${rootStart}, size=${rootSectors}, type=${types[1] ?? ''}`,
  ];
  const work = mkdtempSync(`${path}-`);
  try {
    writeFileSync(path, '');
    truncateSync(path, size);
    execFileSync('sfdisk', ['-q', path], { input: `${table.join('\n')}\n` });
    execFileSync('mkfs.vfat', ['-F', '16', '--offset', String(bootStart / sector), path, String((32 * MiB) / 1024)], {
      stdio: 'pipe',
    });
    writeFileSync(join(work, 'config.txt'), 'arm_64bit=1\n');
    execFileSync('mcopy', ['-i', `${path}@@${bootStart}`, join(work, 'config.txt'), '::']);
    const root = join(work, 'root');
    execFileSync('mkdir', ['-p', `${root}/etc`, `${root}/sbin`]);
    writeFileSync(`${root}/etc/fstab`, 'PARTUUID=1-02 / ext4 defaults,x-systemd.growfs 0 1\n');
    const extended = `offset=${rootStart * sector},root_owner=0:0`;
    const args = ['-q', '-F', '-t', 'ext4', '-d', root, '-E', extended, path, `${(rootSectors * sector) / 1024}k`];
    execFileSync('mke2fs', args, { stdio: 'pipe' });
  } finally {
    rmSync(work, { recursive: true });
  }
}

/** A file of the boot partition, as mtools read it. */
export const bootFile = (path: string, name: string, start = bootStart): string =>
  execFileSync('mtype', ['-i', `${path}@@${start}`, `::/${name}`]).toString();
