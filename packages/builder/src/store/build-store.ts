import { mkdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
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
  hasPackage(sha256: string): Promise<boolean>;
}

/** 80 bits: no two layers of one store will ever have the same name, and a list of twenty fits into the options of a mount. */
const nameLength = 20;

const recordName = 'layer.json';

const notThere = (fault: NodeJS.ErrnoException): undefined => {
  if (fault.code !== 'ENOENT') throw fault;
  return undefined;
};

export async function openBuildStore(folder: string): Promise<BuildStore> {
  const [layers, packages, work, logs] = ['layers', 'packages', 'work', 'logs'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
    string,
  ];
  for (const each of [layers, packages, work, logs]) await mkdir(each, { recursive: true });
  const nameOf = (key: string): string => key.slice(0, nameLength);
  return {
    ...{ layers, packages, work, logs },
    treeOf: (key) => `${nameOf(key)}/root`,
    aptFolder: (digest) => join(folder, 'apt', digest.slice(0, nameLength)),
    layer: async (key) => {
      const path = join(layers, nameOf(key), recordName);
      const text = await readFile(path, 'utf8').catch(notThere);
      if (text === undefined) return undefined;
      const now = new Date();
      await utimes(path, now, now);
      return LayerRecord.parse(JSON.parse(text));
    },
    keepLayer: async (key, made, record) => {
      await writeFile(join(made, recordName), `${JSON.stringify(record)}\n`);
      await rename(made, join(layers, nameOf(key))).catch((fault: NodeJS.ErrnoException) => {
        if (fault.code !== 'ENOTEMPTY' && fault.code !== 'EEXIST') throw fault;
      });
    },
    hasPackage: (sha256) =>
      stat(join(packages, `${sha256}.deb`)).then(
        () => true,
        () => false,
      ),
  };
}
