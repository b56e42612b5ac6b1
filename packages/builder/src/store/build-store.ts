import { mkdir, open, readFile, rename, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
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
  /** For the package lists of one set of sources. */
  aptFolder(digest: string): string;
  /** The parent of the folders builds work in. */
  readonly work: string;
  readonly logs: string;
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

/** Moves a folder to where none is. */
const isMovedTo = (from: string, to: string): Promise<boolean> =>
  rename(from, to).then(
    () => true,
    (fault: NodeJS.ErrnoException) => {
      if (fault.code !== 'ENOTEMPTY' && fault.code !== 'EEXIST') throw fault;
      return false;
    },
  );

export async function openBuildStore(folder: string): Promise<BuildStore> {
  const names = ['layers', 'packages', 'bases', 'work', 'logs'];
  const [layers = '', packages = '', bases = '', work = '', logs = ''] = names.map((name) => join(folder, name));
  for (const each of [layers, packages, bases, work, logs]) await mkdir(each, { recursive: true });
  const nameOf = (key: string): string => key.slice(0, nameLength);
  return {
    ...{ layers, packages, bases, work, logs },
    treeOf: (key) => `${nameOf(key)}/root`,
    aptFolder: (digest) => join(folder, 'apt', digest.slice(0, nameLength)),
    layer: async (key) => {
      const folderOf = join(layers, nameOf(key));
      const record = await readRecord(folderOf);
      const now = new Date();
      if (record !== undefined) await utimes(join(folderOf, recordName), now, now);
      return record;
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
