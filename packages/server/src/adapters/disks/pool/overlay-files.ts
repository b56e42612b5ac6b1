import { readdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { OverlayId } from '@drover/contract';
import type { BlockFile } from '@drover/disk-image';
import { openBlockFile, type BlockFileDeps } from '../block-file.js';
import { syncFolder } from './manifest.js';

/**
 * The overlays of all disks in one folder, `<id>.qcow2` with its redo log `<id>.log`. They are never renamed: what lies on one finds it by the name it was
 * made with, in this folder, and so does qemu-img.
 */
export interface OverlayFiles {
  readonly folder: string;
  /** How an overlay names another one, or a file elsewhere, as its backing file. */
  nameOf(id: string): string;
  nameFor(path: string): string;
  path(id: string): string;
  create(id: string): Promise<BlockFile>;
  open(id: string): Promise<BlockFile>;
  /** The redo log, made when it is not there. */
  openLog(id: string): Promise<BlockFile>;
  /** Bytes on the storage. */
  bytes(id: string): Promise<number>;
  remove(ids: Iterable<string>): Promise<void>;
  removeLog(id: string): Promise<void>;
  list(): Promise<Set<string>>;
  sync(): Promise<void>;
}

const isAbsent = (error: unknown): boolean => error instanceof Error && 'code' in error && error.code === 'ENOENT';

export function createOverlayFiles(folder: string, deps: BlockFileDeps): OverlayFiles {
  const nameOf = (id: string): string => `${OverlayId.parse(id)}.qcow2`;
  const path = (id: string): string => join(folder, nameOf(id));
  const logPath = (id: string): string => join(folder, `${OverlayId.parse(id)}.log`);

  const bytesAt = (file: string): Promise<number> =>
    stat(file).then(
      ({ blocks }) => blocks * 512,
      (error: unknown) => {
        if (isAbsent(error)) return 0;
        throw error;
      },
    );

  return {
    folder,
    nameOf,
    nameFor: (file) => relative(folder, file),
    path,
    create: (id) => openBlockFile(path(id), deps, { create: true }),
    open: (id) => openBlockFile(path(id), deps),
    openLog: (id) =>
      openBlockFile(logPath(id), deps).catch((error: unknown) => {
        if (isAbsent(error)) return openBlockFile(logPath(id), deps, { create: true });
        throw error;
      }),
    bytes: async (id) => (await bytesAt(path(id))) + (await bytesAt(logPath(id))),
    remove: async (ids) => {
      for (const id of ids) {
        await rm(path(id), { force: true });
        await rm(logPath(id), { force: true });
      }
      await syncFolder(folder);
    },
    removeLog: (id) => rm(logPath(id), { force: true }),
    list: async () => {
      const names = await readdir(folder);
      return new Set(names.map((name) => name.split('.')[0] ?? '').filter((id) => OverlayId.safeParse(id).success));
    },
    sync: () => syncFolder(folder),
  };
}
