import { mkdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { checkQcow2, ImageError, readQcow2Header } from '@drover/disk-image';
import type {
  DiskFacts,
  DiskFileReport,
  DiskPool,
  FlattenProgress,
  HeldDisk,
  HeldImage,
  RootGrowth,
} from '../../../app/disks/pool.js';
import { openBlockSource } from '../block-file.js';
import { createBackupFiles, isRestore, type CreatePlan } from './backups.js';
import { create, restore } from './making.js';
import { openManifestStore, overlaysOf, type Manifest } from './manifest.js';
import { createOverlayFiles } from './overlay-files.js';
import { alone, assemble, find, inTurn, sweep, using, type DiskPoolDeps, type Parts } from './parts.js';
import { refused } from './refusals.js';
import { growRoot } from './root-growth.js';
import { dropState, flatten, forgetSnapshot, makeBackup, takeSnapshot } from './states.js';

const unwatched: FlattenProgress = { signal: new AbortController().signal, progress: () => undefined };

/** Opens the pool: makes its folders, and removes overlays that a crash left without a disk. */
export async function createDiskPool(deps: DiskPoolDeps): Promise<DiskPool> {
  const [overlayFolder, manifestFolder] = [join(deps.folder, 'overlays'), join(deps.folder, 'manifests')];
  for (const folder of [overlayFolder, manifestFolder]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const parts = assemble(deps, {
    overlays: createOverlayFiles(overlayFolder),
    manifests: await openManifestStore(manifestFolder),
    backups: await createBackupFiles(join(deps.folder, 'backups')),
  });
  await sweep(parts, await parts.overlays.list());
  return {
    create: (plan, options = unwatched) =>
      inTurn(parts, plan.disk, () =>
        isRestore(plan) ? restore(parts, plan, options) : alone(parts, () => create(parts, plan as CreatePlan)),
      ),
    backup: (disk, backup, format, options) => makeBackup(parts, disk, { backup, format }, options),
    dropBackup: async (disk, backup) => {
      await parts.backups.remove(backup);
      await dropState(parts, disk, backup);
    },
    hold: (disk) => inTurn(parts, disk, () => hold(parts, disk)),
    holdImage: (digest) => holdImage(parts, digest),
    list: () => list(parts),
    facts: async (disk) => factsOf(parts, await find(parts, disk)),
    snapshot: (disk, snapshot) => inTurn(parts, disk, () => takeSnapshot(parts, disk, snapshot)),
    forgetSnapshot: (disk, snapshot) =>
      inTurn(parts, disk, () => alone(parts, () => forgetSnapshot(parts, disk, snapshot))),
    resize: (disk, size) => inTurn(parts, disk, () => using(parts, disk, (opened) => opened.disk.resize(size))),
    growRoot: (disk, options) => inTurn(parts, disk, () => grow(parts, disk, options?.evenInUse ?? false)),
    flatten: (disk, options) => flatten(parts, disk, options),
    check: (disk) => check(parts, disk),
    remove: (disk, options) =>
      inTurn(parts, disk, () => alone(parts, () => remove(parts, disk, options?.withSnapshots ?? false))),
    close: async () => {
      await parts.disks.close();
      await parts.images.close();
    },
  };
}

async function grow(parts: Parts, disk: string, evenInUse: boolean): Promise<RootGrowth> {
  const { rootPartition, head, base } = await find(parts, disk);
  if (rootPartition === undefined) return { kind: 'none' };
  // Most disks are as large as their image, and to see that costs less than to open one. Before a boot nothing is taken on trust.
  if (!evenInUse && !parts.disks.isOpen(disk) && !(await isLarger(parts, head, base))) return { kind: 'none' };
  const inUse = !evenInUse && parts.disks.isOpen(disk);
  return using(parts, disk, (opened) => growRoot(opened, rootPartition, inUse));
}

async function isLarger({ overlays, blobPath }: Parts, head: string, base: string | null): Promise<boolean> {
  if (base === null) return false;
  const [overlay, image] = [await openBlockSource(overlays.path(head)), await stat(await blobPath(base))];
  try {
    return (await readQcow2Header(overlay)).size > image.size;
  } finally {
    await overlay.close();
  }
}

async function hold(parts: Parts, disk: string): Promise<HeldDisk> {
  const { disks } = parts;
  const { base } = await find(parts, disk);
  const { value, release } = await disks.acquire(disk);
  return {
    disk: value.disk,
    base,
    release: () => {
      release();
      return disks.closeIdle(disk);
    },
  };
}

async function holdImage({ images }: Parts, digest: string): Promise<HeldImage> {
  const { value, release } = await images.acquire(digest);
  return { view: value.view, release: async () => release() };
}

async function check(parts: Parts, disk: string): Promise<DiskFileReport[]> {
  const manifest = await find(parts, disk);
  const reports: DiskFileReport[] = [];
  for (const id of overlaysOf(manifest)) {
    const path = parts.overlays.path(id);
    const file = basename(path);
    const source = await openBlockSource(path);
    try {
      reports.push({ file, report: await checkQcow2(source), problem: null });
    } catch (error) {
      if (!(error instanceof ImageError)) throw refused(disk, error);
      reports.push({ file, report: null, problem: `${error.message} (${error.code})` });
    } finally {
      await source.close();
    }
  }
  return reports;
}

async function remove(parts: Parts, disk: string, withSnapshots: boolean): Promise<void> {
  const manifest = await parts.manifests.find(disk);
  if (manifest === undefined) return;
  const snapshots = Object.keys(manifest.snapshots).length;
  if (parts.disks.isOpen(disk)) throw inUse(disk, 'it is open', 'Release the device that uses it, or power it off.');
  if (snapshots > 0 && !withSnapshots)
    throw inUse(disk, `it has ${snapshots} snapshots`, 'Delete them first, or say that they go with it.');
  await parts.manifests.remove(disk);
  await sweep(parts, overlaysOf(manifest));
}

const inUse = (disk: string, why: string, remedy: string): RefusedError =>
  new RefusedError(refusal('disk.in-use', `The disk ${disk} cannot be deleted: ${why}.`, { remedy }));

async function list(parts: Parts): Promise<DiskFacts[]> {
  const all: DiskFacts[] = [];
  for (const manifest of [...parts.manifests.all()]) all.push(await factsOf(parts, manifest));
  return all;
}

async function factsOf({ overlays, manifests }: Parts, manifest: Manifest): Promise<DiskFacts> {
  let ownBytes = 0;
  for (const id of overlaysOf(manifest)) if ((manifests.users(id) ?? 1) <= 1) ownBytes += await overlays.bytes(id);
  return {
    disk: manifest.disk,
    base: manifest.base,
    snapshots: Object.entries(manifest.snapshots).map(([id, { size, takenAt }]) => ({ id, size, takenAt })),
    depth: manifest.frozen.length,
    ownBytes,
  };
}
