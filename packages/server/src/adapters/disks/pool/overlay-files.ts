import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { OverlayId } from '@drover/contract';
import { beingMade, syncFolder } from '../disk-files.js';
import { isAbsent } from '../file-error.js';
import type { OverlayPlace } from '../opened-disk.js';

/**
 * The overlays of all disks in one folder, `<id>.qcow2` with its redo log `<id>.log`. They are never renamed: what lies on one finds it by the name it was
 * made with, in this folder, and so does qemu-img.
 */
export interface OverlayFiles {
  path(id: string): string;
  idOf(path: string): string;
  place(id: string): OverlayPlace;
  /** Bytes on the storage. */
  bytes(id: string): Promise<number>;
  remove(ids: Iterable<string>): Promise<void>;
  list(): Promise<Set<string>>;
}

const suffix = '.qcow2';

export function createOverlayFiles(folder: string): OverlayFiles {
  const path = (id: string): string => join(folder, `${OverlayId.parse(id)}${suffix}`);
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
    path,
    idOf: (file) => file.slice(folder.length + 1, -suffix.length),
    place: (id) => ({ overlay: path(id), log: logPath(id) }),
    bytes: async (id) => (await bytesAt(path(id))) + (await bytesAt(logPath(id))),
    remove: async (ids) => {
      for (const id of ids) {
        await rm(path(id), { force: true });
        await rm(logPath(id), { force: true });
        await rm(beingMade(path(id)), { force: true });
      }
      await syncFolder(folder);
    },
    list: async () => {
      const names = await readdir(folder);
      return new Set(names.map((name) => name.split('.')[0] ?? '').filter((id) => OverlayId.safeParse(id).success));
    },
  };
}
