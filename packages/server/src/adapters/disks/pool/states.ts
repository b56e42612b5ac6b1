import type { BackupFormat } from '@drover/contract';
import { mostLayers } from '@drover/disk-image';
import type { DiskContent, DiskPool, FlattenProgress } from '../../../app/disks/pool.js';
import type { OpenedDisk } from '../opened-disk.js';
import { snapshotOf, writeBackup } from './backups.js';
import { overlaysOf } from './manifest.js';
import { alone, find, inTurn, sweep, using, type Parts } from './parts.js';
import { invalid, refused } from './refusals.js';

/** The disk goes on with a new overlay over what it was. */
export async function takeSnapshot(parts: Parts, disk: string, snapshot: string): Promise<void> {
  const { manifests, overlays, ids, clock } = parts;
  if ((await find(parts, disk)).snapshots[snapshot] !== undefined) return;
  await using(parts, disk, async (opened) => {
    if (opened.place.layers.length >= mostLayers)
      throw invalid('disk', `The disk lies on ${mostLayers} snapshots already.`, 'Flatten it first.');
    const head = ids.next('ovl');
    await opened.snapshot(overlays.place(head), async ({ layers }) => {
      const manifest = await find(parts, disk);
      const frozen = layers.map((path) => overlays.idOf(path));
      const taken = { size: opened.disk.size, frozen, takenAt: new Date(clock.now()).toISOString() };
      const next = { ...manifest, head, frozen, snapshots: { ...manifest.snapshots, [snapshot]: taken } };
      // Half done, it would name an overlay that is about to be thrown away.
      await manifests.save(next).catch(async (error: unknown) => {
        await manifests.save(manifest);
        throw error;
      });
    });
  });
}

export async function forgetSnapshot(parts: Parts, disk: string, snapshot: string): Promise<void> {
  const manifest = await find(parts, disk);
  const { [snapshot]: gone, ...snapshots } = manifest.snapshots;
  if (gone === undefined) return;
  await parts.manifests.save({ ...manifest, snapshots });
  await sweep(parts, overlaysOf(manifest));
}

export async function flatten(
  parts: Parts,
  disk: string,
  { signal, progress }: Parameters<DiskPool['flatten']>[1],
): Promise<void> {
  const work = async (opened: OpenedDisk): Promise<void> => {
    await opened.flatten({ onto: 'base', signal, onProgress: ({ done, total }) => progress(done, total) });
    await parts.turns.run(disk, async () => {
      const manifest = await find(parts, disk);
      // A snapshot may have been taken since.
      const frozen = opened.place.layers.map((path) => parts.overlays.idOf(path));
      await alone(parts, async () => {
        await parts.manifests.save({ ...manifest, frozen });
        await sweep(parts, overlaysOf(manifest));
      });
    });
  };
  await using(parts, disk, work).catch((error: unknown) => {
    throw refused(disk, error);
  });
}

/** States below a disk from which on a backup flattens it: each backup leaves one. */
const manyStates = 8;

/** Copies a state of the disk that is kept for so long. */
export async function makeBackup(
  parts: Parts,
  disk: string,
  { backup, format }: { backup: string; format: BackupFormat },
  options: FlattenProgress,
): Promise<DiskContent> {
  const { backups } = parts;
  if (!(await backups.isDone(backup))) {
    const snapshot = snapshotOf(backup);
    await inTurn(parts, disk, () => takeSnapshot(parts, disk, snapshot));
    const what = { path: backups.path(backup), snapshot, format };
    await writeBackup(parts, await find(parts, disk), what, options).catch((error: unknown) => {
      throw refused(disk, error);
    });
  }
  await dropState(parts, disk, backup);
  if ((await find(parts, disk)).frozen.length >= manyStates) await flatten(parts, disk, options);
  return backups.content(backup);
}

/** Lets the state go that a backup was copied from. */
export const dropState = async (parts: Parts, disk: string, backup: string): Promise<void> => {
  if ((await parts.manifests.find(disk)) === undefined) return;
  await inTurn(parts, disk, () => alone(parts, () => forgetSnapshot(parts, disk, snapshotOf(backup))));
};
