import { readFile } from 'node:fs/promises';
import type { Tools } from '@drover/tools';

export interface OverlayPlaces {
  readonly lower: string;
  readonly upper: string;
  readonly work: string;
  readonly root: string;
}

/** Octal in /proc/self/mountinfo, see proc(5). */
const unescaped = (field: string): string =>
  field.replace(/\\([0-7]{3})/g, (_all, digits: string) => String.fromCharCode(parseInt(digits, 8)));

/** Where something is mounted, in this process's namespace. */
export async function mountPoints(): Promise<Set<string>> {
  const text = await readFile('/proc/self/mountinfo', 'utf8');
  return new Set(
    text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => unescaped(line.split(' ')[4] ?? '')),
  );
}

/**
 * An overlay that can be exported: `nfs_export` gives its files handles that outlive the server's memory, `index` keeps them true (Documentation/filesystems/overlayfs). A file
 * that is only opened is not copied up with its data before it must be.
 */
export async function mountOverlay(tools: Tools, { lower, upper, work, root }: OverlayPlaces): Promise<void> {
  const options = `lowerdir=${lower},upperdir=${upper},workdir=${work},index=on,nfs_export=on`;
  await tools.run('mount', ['-t', 'overlay', 'drover', '-o', options, root]);
}

/** Nothing is mounted there any more. What somebody still reads goes when he has done. */
export async function unmount(tools: Tools, folder: string): Promise<void> {
  while ((await mountPoints()).has(folder)) {
    await tools.run('umount', [folder]).catch(() => tools.run('umount', ['--lazy', folder]));
  }
}
