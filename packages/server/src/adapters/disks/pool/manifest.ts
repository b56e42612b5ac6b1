import { open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DiskId, OverlayId, refusal, RefusedError, Sha256, SnapshotId, Timestamp } from '@drover/contract';
import { z } from 'zod';
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

/** Manifests in a folder of their own, `<disk>.json`, each replaced as a whole: after a power cut it is the one before or the one after. */
export interface ManifestStore {
  /** Undefined when there is no such disk. Throws RefusedError disk.broken when it cannot be read. */
  find(disk: string): Promise<Manifest | undefined>;
  save(manifest: Manifest): Promise<void>;
  remove(disk: string): Promise<void>;
  /** Ids of all disks. */
  list(): Promise<string[]>;
}

const suffix = '.json';

export function createManifestStore(folder: string): ManifestStore {
  const pathOf = (disk: string): string => join(folder, `${DiskId.parse(disk)}${suffix}`);

  return {
    find: async (disk) => {
      if (!DiskId.safeParse(disk).success) return undefined;
      try {
        return parse(disk, await readFile(pathOf(disk), 'utf8'));
      } catch (error) {
        if (isAbsent(error)) return undefined;
        throw error;
      }
    },
    save: async (manifest) => {
      const path = pathOf(manifest.disk);
      const file = await open(`${path}.new`, 'w', 0o600);
      try {
        await file.writeFile(`${JSON.stringify(manifest, undefined, 2)}\n`);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(`${path}.new`, path);
      await syncFolder(folder);
    },
    remove: async (disk) => {
      await rm(pathOf(disk), { force: true });
      await syncFolder(folder);
    },
    list: async () => {
      const names = await readdir(folder);
      return names
        .filter((name) => name.endsWith(suffix))
        .map((name) => name.slice(0, -suffix.length))
        .filter((name) => DiskId.safeParse(name).success);
    },
  };
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
