import { mkdir, open, readFile, rename, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { LockedPackage } from '@drover/debian';

/** What is known of a finished layer. */
const LayerRecord = z.object({
  format: z.literal(1),
  kind: z.string(),
  epoch: z.number().int(),
  /** Packages that it installed. */
  packages: z.array(LockedPackage),
});
export type LayerRecord = z.infer<typeof LayerRecord>;

/**
 * What builds keep, below one folder: packages by digest, layers by key, lists of packages. All of it can be deleted at any time when no build runs, and is
 * made or fetched again.
 */
export interface BuildStore {
  readonly layers: string;
  readonly packages: string;
  /** Disks of images that builds begin with, by digest. */
  readonly bases: string;
  /** The parent of the folders of {@link aptFolder}. */
  readonly lists: string;
  /** For the package lists of one set of sources; it counts as used now. */
  aptFolder(digest: string): Promise<string>;
  /** The disk of an image by its digest, where it is; it counts as used now. */
  base(sha256: string): Promise<string | undefined>;
  /** The parent of the folders builds work in. */
  readonly work: string;
  /** The tree of a layer, by its name in `layers`. */
  treeOf(key: string): string;
  /** A finished layer; it counts as used now. */
  layer(key: string): Promise<LayerRecord | undefined>;
  /** Makes a folder with a tree in `root` a layer. One that another build has finished meanwhile stays. */
  keepLayer(key: string, folder: string, record: LayerRecord): Promise<void>;
  /** Whether it is there, and whole as far as its size tells; apt compares its digest when it is used. */
  hasPackage(wanted: Pick<LockedPackage, 'sha256' | 'size'>): Promise<boolean>;
}

/** 80 bits: no two layers of one store will ever have the same name, and a list of twenty fits into the options of a mount. */
const nameLength = 20;

const recordName = 'layer.json';

const notThere = (fault: NodeJS.ErrnoException): undefined => {
  if (fault.code !== 'ENOENT') throw fault;
  return undefined;
};

/** Undefined also for what a power cut left of one: the layer is made again. */
async function readRecord(layer: string): Promise<LayerRecord | undefined> {
  const text = await readFile(join(layer, recordName), 'utf8').catch(notThere);
  try {
    return text === undefined ? undefined : LayerRecord.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function writeRecord(layer: string, record: LayerRecord): Promise<void> {
  const file = await open(join(layer, recordName), 'w');
  try {
    await file.writeFile(`${JSON.stringify(record)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Notes that something is used now. Says whether it is there. */
const noteUse = async (path: string): Promise<boolean> => {
  const now = new Date();
  return utimes(path, now, now).then(
    () => true,
    (fault: NodeJS.ErrnoException) => notThere(fault) ?? false,
  );
};

/** Moves a folder to where none is. */
const isMovedTo = (from: string, to: string): Promise<boolean> =>
  rename(from, to).then(
    () => true,
    (fault: NodeJS.ErrnoException) => {
      if (fault.code !== 'ENOTEMPTY' && fault.code !== 'EEXIST') throw fault;
      return false;
    },
  );

/** What a store is known by. */
export const storeFolders = ['layers', 'packages', 'bases', 'work', 'apt'] as const;

export async function openBuildStore(folder: string): Promise<BuildStore> {
  const [layers = '', packages = '', bases = '', work = '', lists = ''] = storeFolders.map((name) =>
    join(folder, name),
  );
  for (const each of [layers, packages, bases, work, lists]) await mkdir(each, { recursive: true });
  const nameOf = (key: string): string => key.slice(0, nameLength);
  return {
    ...{ layers, packages, bases, work, lists },
    treeOf: (key) => `${nameOf(key)}/root`,
    aptFolder: async (digest) => {
      const place = join(lists, nameOf(digest));
      await mkdir(place, { recursive: true });
      await noteUse(place);
      return place;
    },
    base: async (sha256) => {
      const path = join(bases, `${sha256}.img`);
      return (await noteUse(path)) ? path : undefined;
    },
    layer: async (key) => {
      const folderOf = join(layers, nameOf(key));
      // First the time, then the look: what is retired in between is not there.
      await noteUse(join(folderOf, recordName));
      return readRecord(folderOf);
    },
    keepLayer: async (key, made, record) => {
      await writeRecord(made, record);
      const place = join(layers, nameOf(key));
      if (await isMovedTo(made, place)) return;
      if ((await readRecord(place)) !== undefined) return;
      // What stands there is no layer: it goes where the next build deletes it.
      await rename(place, join(work, `damaged-${nameOf(key)}-${process.pid}`));
      await isMovedTo(made, place);
    },
    hasPackage: ({ sha256, size }) =>
      stat(join(packages, `${sha256}.deb`)).then(
        (found) => found.size === size,
        () => false,
      ),
  };
}
