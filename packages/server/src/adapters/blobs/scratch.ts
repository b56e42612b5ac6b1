import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

/** Folders for work under way: each piece of work gets one of its own. */
export interface Scratch {
  /** A path that does not exist, in a fresh folder. */
  readonly fresh: (name: string) => Promise<string>;
  /** Removes that folder with all that is in it. */
  readonly discard: (path: string) => Promise<void>;
  /** Removes what an earlier life of this process left behind; not what this one handed out. */
  readonly sweep: () => Promise<void>;
}

const fileName = (name: string): string => name.replaceAll(/[^A-Za-z0-9._-]/g, '-').replace(/^\.+/, '') || 'file';

export const createScratch = (folder: string): Scratch => {
  const mine = new Set<string>();
  return {
    fresh: async (name) => {
      const own = randomBytes(12).toString('hex');
      await mkdir(join(folder, own), { mode: 0o700 });
      mine.add(own);
      return join(folder, own, fileName(name).slice(0, 100));
    },
    discard: async (path) => {
      const own = basename(dirname(path));
      if (dirname(dirname(path)) !== folder || !mine.delete(own)) return;
      await rm(join(folder, own), { recursive: true, force: true });
    },
    sweep: async () => {
      for (const name of await readdir(folder)) {
        if (!mine.has(name)) await rm(join(folder, name), { recursive: true, force: true });
      }
    },
  };
};
