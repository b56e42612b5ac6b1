import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ext4Volume } from '@drover/disk-image';
import type { LintTree } from '../lint/tree.js';

async function* filesBelow(volume: Ext4Volume, folder: string): AsyncIterable<{ path: string; size: number }> {
  if ((await volume.lstat(folder))?.kind !== 'directory') return;
  for (const { name } of await volume.readdir(folder)) {
    const path = `${folder}/${name}`;
    const found = await volume.lstat(path);
    if (found?.kind === 'directory') yield* filesBelow(volume, path);
    else if (found?.kind === 'file') yield { path, size: found.size };
  }
}

/** Reads no more of a file than is asked for. */
async function headOf(volume: Ext4Volume, path: string, length: number): Promise<Uint8Array | undefined> {
  const found = await volume.lstat(path);
  if (found?.kind !== 'file') return undefined;
  const chunks: Uint8Array[] = [];
  let got = 0;
  for await (const chunk of volume.fileChunks(found.inode)) {
    chunks.push(chunk);
    got += chunk.length;
    if (got >= length) break;
  }
  return Buffer.concat(chunks).subarray(0, length);
}

/** The checks' view of a root partition and of the folder its boot partition was made from. */
export async function volumeTree(
  volume: Ext4Volume,
  boot: { readonly folder: string; readonly names: readonly string[]; readonly kernels: LintTree['kernels'] },
): Promise<LintTree> {
  const sized = boot.names.map(async (path) => ({ path, size: (await stat(join(boot.folder, path))).size }));
  return {
    files: (folder) => filesBelow(volume, folder),
    head: (path, length) => headOf(volume, path, length),
    hasFolder: async (path) => (await volume.stat(path))?.kind === 'directory',
    boot: await Promise.all(sized),
    bootHead: async (path, length) =>
      boot.names.includes(path) ? (await readFile(join(boot.folder, path))).subarray(0, length) : undefined,
    kernels: boot.kernels,
  };
}
