import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskId, OverlayId, refusal, RefusedError, Sha256, SnapshotId, Timestamp } from '@drover/contract';
import * as z from 'zod';
import { syncFolder } from '../disk-files.js';
import { isAbsent } from '../file-error.js';

/** Overlays from the uppermost down to the one that lies on the base. */
const Chain = z.array(OverlayId);

const Manifest = z.strictObject({
  version: z.literal(1),
  disk: DiskId,
  /** The overlay that is written to. */
  head: OverlayId,
  frozen: Chain,
  base: Sha256.nullable(),
  /** The partition that fills the disk when it is larger than its base. */
  rootPartition: z.number().int().min(1).optional(),
  snapshots: z.record(
    SnapshotId,
    z.strictObject({ size: z.number().int().min(512), frozen: Chain.min(1), takenAt: Timestamp }),
  ),
});

/** Which files make up one disk. The only thing that names them: a file no manifest names is nobody's. */
export type Manifest = z.infer<typeof Manifest>;

/** Every overlay that a disk or one of its snapshots needs. */
export const overlaysOf = ({ head, frozen, snapshots }: Manifest): Set<string> =>
  new Set([head, ...frozen, ...Object.values(snapshots).flatMap((each) => each.frozen)]);

/**
 * Manifests in a folder of their own, `<disk>.json`, each replaced as a whole: after a power cut it is the one before or the one after. They are read once and
 * kept in memory, so that a question about all disks costs no file.
 */
export interface ManifestStore {
  /** Undefined when there is no such disk. Throws RefusedError disk.broken when it cannot be read. */
  find(disk: string): Promise<Manifest | undefined>;
  save(manifest: Manifest): Promise<void>;
  remove(disk: string): Promise<void>;
  /** Those that can be read. */
  all(): Iterable<Manifest>;
  /** How many disks need an overlay, themselves or for a snapshot. Undefined while a manifest cannot be read: it may be the one that needs it. */
  users(overlay: string): number | undefined;
}

const suffix = '.json';
const readAtOnce = 32;

export async function openManifestStore(folder: string): Promise<ManifestStore> {
  const known = new Map<string, Manifest>();
  const unreadable = new Set<string>();
  const users = new Map<string, number>();
  const pathOf = (disk: string): string => join(folder, `${DiskId.parse(disk)}${suffix}`);

  const count = (manifest: Manifest | undefined, by: 1 | -1): void => {
    if (manifest === undefined) return;
    for (const id of overlaysOf(manifest)) {
      const left = (users.get(id) ?? 0) + by;
      if (left > 0) users.set(id, left);
      else users.delete(id);
    }
  };
  const keep = (disk: string, manifest: Manifest | undefined): void => {
    count(known.get(disk), -1);
    count(manifest, 1);
    unreadable.delete(disk);
    if (manifest === undefined) known.delete(disk);
    else known.set(disk, manifest);
  };

  /** A manifest that could not be read may have been put right by hand, or have come back from a backup. */
  const readAgain = async (disk: string): Promise<Manifest | undefined> => {
    try {
      keep(disk, parse(disk, await readFile(pathOf(disk), 'utf8')));
    } catch (error) {
      if (!isAbsent(error)) throw error;
      keep(disk, undefined);
    }
    return known.get(disk);
  };

  const ids = await idsIn(folder);
  for (let from = 0; from < ids.length; from += readAtOnce) {
    const some = ids.slice(from, from + readAtOnce);
    await Promise.all(some.map((disk) => readAgain(disk).catch(() => unreadable.add(disk))));
  }

  return {
    find: async (disk) => known.get(disk) ?? (DiskId.safeParse(disk).success ? readAgain(disk) : undefined),
    save: async (manifest) => {
      await write(folder, pathOf(manifest.disk), manifest);
      keep(manifest.disk, manifest);
    },
    remove: async (disk) => {
      await rm(pathOf(disk), { force: true });
      await syncFolder(folder);
      keep(disk, undefined);
    },
    all: () => known.values(),
    users: (overlay) => (unreadable.size > 0 ? undefined : (users.get(overlay) ?? 0)),
  };
}

async function idsIn(folder: string): Promise<string[]> {
  const names = await readdir(folder);
  return names
    .filter((name) => name.endsWith(suffix))
    .map((name) => name.slice(0, -suffix.length))
    .filter((name) => DiskId.safeParse(name).success);
}

async function write(folder: string, path: string, manifest: Manifest): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${path}.new`, path);
  await syncFolder(folder);
}

function parse(disk: string, text: string): Manifest {
  const parsed = Manifest.safeParse(jsonOf(text));
  if (parsed.success && parsed.data.disk === disk) return parsed.data;
  throw new RefusedError(
    refusal('disk.broken', `What belongs to the disk ${disk} cannot be read from its manifest.`, {
      remedy: 'Restore disks/manifests from a backup. The overlays themselves can be read with qemu-img.',
    }),
  );
}

const jsonOf = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
};
