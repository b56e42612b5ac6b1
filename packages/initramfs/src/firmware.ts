import { createHash } from 'node:crypto';
import type { CpioEntry, Ext4Volume } from '@drover/disk-image';

const folders = ['/lib/firmware', '/usr/lib/firmware'];
const fileLimit = 8 * 1024 * 1024;

/** Which channels are allowed where, and who says so. */
const regulatory = ['regulatory.db', 'regulatory.db.p7s'];

/** What is in a module's `firmware=` entries: paths below the firmware folder, `*` in the last part for anything. */
function firmwareNames(module: Uint8Array): string[] {
  const text = Buffer.from(module).toString('latin1');
  return [...text.matchAll(/(?:^|\0)firmware=([\w.,+*/ -]{1,200})(?=\0)/g)].map(([, name = '']) => name);
}

const isInside = (name: string): boolean =>
  name.split('/').every((part) => part !== '' && part !== '.' && part !== '..');

/**
 * Whether a file is one of those a driver asks for. Broadcom's also looks for files of the board it is on, `brcmfmac43455-sdio.raspberrypi,4-model-b.txt`, of
 * which not every kernel tells; its chips on PCIe are in no board.
 */
function isWanted(path: string, name: string): boolean {
  if (name.startsWith('brcm/')) {
    const [, chip] = /^(brcm\/brcmfmac\w+-(?:sdio|usb)\.)/.exec(name) ?? [];
    return chip !== undefined && path.startsWith(chip);
  }
  const pattern = name.replaceAll(/[.+]/g, String.raw`\$&`).replaceAll('*', '[^/]*');
  return new RegExp(`^${pattern}(\\.xz|\\.zst)?$`).test(path);
}

/** Files of one folder of the image that one of the names means, below the firmware folder. */
async function filesIn(volume: Ext4Volume, folder: string, names: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const parents = new Set(names.map((name) => name.slice(0, name.lastIndexOf('/') + 1)));
  for (const parent of parents) {
    const path = `${folder}/${parent}`;
    if ((await volume.stat(path))?.kind !== 'directory') continue;
    for (const { name } of await volume.readdir(path)) {
      const file = `${parent}${name}`;
      if (names.some((wanted) => isWanted(file, wanted)) && (await volume.stat(`${path}${name}`))?.kind === 'file')
        found.add(file);
    }
  }
  return [...found].sort();
}

/**
 * Firmware that these modules load, from the image's own root. Images have the same file under a name for each board: it is there once, and the other names
 * are links to it.
 */
export async function firmwareEntries(
  volume: Ext4Volume,
  modules: readonly Uint8Array[],
  signal: AbortSignal,
): Promise<CpioEntry[]> {
  const names = [...new Set([...regulatory, ...modules.flatMap(firmwareNames)])].filter(isInside);
  const entries: CpioEntry[] = [];
  const [seen, contents] = [new Set<string>(), new Map<string, string>()];
  for (const folder of folders) {
    for (const file of await filesIn(volume, folder, names)) {
      signal.throwIfAborted();
      if (seen.has(file)) continue;
      seen.add(file);
      const data = await volume.readFile(`${folder}/${file}`, fileLimit);
      const digest = createHash('sha256').update(data).digest('hex');
      const path = `lib/firmware/${file}`;
      const first = contents.get(digest);
      contents.set(digest, first ?? path);
      entries.push(
        first === undefined
          ? { kind: 'file', path, mode: 0o644, data }
          : { kind: 'symlink', path, target: `/${first}` },
      );
    }
  }
  return entries;
}
