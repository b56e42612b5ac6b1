import { readFile } from 'node:fs/promises';

/** What Linux calls this boot of the machine (random(4)): another after each start of the kernel, which begins with an empty page cache. */
export const readBootId = async (): Promise<string> =>
  (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
