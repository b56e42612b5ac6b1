import { execFile } from 'node:child_process';
import { mkdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { CloneMethod } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { openDirectories } from '../../packages/server/src/adapters/nfs/index.js';
import { unpackInThread } from '../../packages/server/src/boot-plane/nfs/unpack.js';
import type { Log } from '../../packages/server/src/app/ports.js';
import type { Measured } from './copies.js';

const run = promisify(execFile);
const quiet = (): void => undefined;
const log: Log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const never = { signal: new AbortController().signal, progress: quiet };

/** Directories of boards (root mode nfs) as the server makes them, in one way, on a file system that can. */
export interface DirectoryMaker {
  readonly name: CloneMethod;
  /** One more, durably. It stays: the next one is another. */
  make(): Promise<Measured>;
  dispose(): Promise<void>;
}

const makers: Readonly<Partial<Record<CloneMethod, string>>> = { snapshot: 'mkfs.btrfs', reflink: 'mkfs.xfs' };

async function folderFor(method: CloneMethod, base: string): Promise<{ folder: string; volume: string | undefined }> {
  const folder = join(base, `nfs-${method}`);
  await mkdir(folder);
  const program = makers[method];
  if (program === undefined) return { folder, volume: undefined };
  const volume = join(base, `nfs-${method}.img`);
  await writeFile(volume, '');
  await truncate(volume, 12 * 2 ** 30);
  await run(program, ['-q', volume]);
  await run('mount', ['-o', 'loop', volume, folder]);
  return { folder, volume };
}

const usedOn = async (path: string): Promise<number> => {
  await run('sync', ['-f', path]);
  return Number((await run('df', ['--output=used', '-B1', path])).stdout.trim().split('\n')[1]);
};

/** `image`: a whole disk with its files in the second partition, which are unpacked before anything is measured, as they are once for all boards. */
export async function openMaker(method: CloneMethod, image: string, base: string): Promise<DirectoryMaker> {
  const { folder, volume } = await folderFor(method, base);
  const pool = await openDirectories({
    ...{ folder, method, log, tools: createToolRunner(), unpack: unpackInThread },
    blobPath: async () => image,
  });
  const made: string[] = [];
  const create = async (): Promise<void> => {
    const disk = `dsk_${method}_${made.length}`;
    made.push(disk);
    await pool.create({ disk, origin: { kind: 'image', digest: 'be'.repeat(32), partition: 2 } }, never);
  };
  await create();
  return {
    name: method,
    make: async () => {
      const before = await usedOn(folder);
      const started = process.hrtime.bigint();
      await create();
      const seconds = Number(process.hrtime.bigint() - started) / 1e9;
      return { seconds, bytes: (await usedOn(folder)) - before };
    },
    dispose: async () => {
      for (const disk of made) await pool.remove(disk);
      if (volume !== undefined) await run('umount', [folder]);
      await rm(folder, { recursive: true, force: true });
      if (volume !== undefined) await rm(volume);
    },
  };
}
