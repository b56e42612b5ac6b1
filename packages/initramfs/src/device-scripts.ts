import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface DeviceScript {
  /** Path in the initramfs. */
  readonly path: string;
  /** Lower 12 bits. */
  readonly mode: number;
  readonly data: Buffer;
}

const runtimeFolder = 'lib/drover';

/** The runtime of a board from the folder `device`: `/init`, and its parts below `/lib/drover`. */
export async function readDeviceScripts(folder: string): Promise<DeviceScript[]> {
  const parts = (await readdir(join(folder, 'lib'))).sort();
  const scripts: DeviceScript[] = [
    { path: 'init', mode: 0o755, data: await readFile(join(folder, 'initramfs/init')) },
    { path: `${runtimeFolder}/version`, mode: 0o644, data: await readFile(join(folder, 'version')) },
  ];
  for (const part of parts) {
    const data = await readFile(join(folder, 'lib', part));
    const isProgram = data.subarray(0, 2).toString('latin1') === '#!';
    scripts.push({ path: `${runtimeFolder}/${part}`, mode: isProgram ? 0o755 : 0o644, data });
  }
  return scripts;
}

export function digestOf(pieces: Iterable<string | Buffer>): string {
  const hash = createHash('sha256');
  for (const piece of pieces) hash.update(`${piece.length}:`).update(piece);
  return hash.digest('hex');
}
