import { mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { refusal, RefusedError, type BackupFormat } from '@drover/contract';
import { checkQcow2, ImageError, mostLayers } from '@drover/disk-image';
import type { ClusterCache } from '@drover/disk-image';
import type {
  DiskContent,
  DiskFacts,
  DiskFileReport,
  DiskPool,
  FlattenProgress,
  HeldDisk,
  HeldImage,
  RootGrowth,
} from '../../../app/disks/pool.js';
import type { Clock, Ids, Log } from '../../../app/ports.js';
import { openBlockSource } from '../block-file.js';
import { nameFrom } from '../disk-chain.js';
import { createDiskFile, type DiskFilesDeps } from '../disk-files.js';
import type { OpenedDisk } from '../opened-disk.js';
import { createShared, type Shared } from '../shared.js';
import { openImage, type OpenImage } from './image.js';
import { createManifestStore, overlaysOf, type Manifest, type ManifestStore } from './manifest.js';
import { openDisk } from './open-disk.js';
import {
  createBackupFiles,
  isRestore,
  restoreFrom,
  snapshotOf,
  writeBackup,
  type BackupFiles,
  type CreatePlan,
  type RestorePlan,
} from './backups.js';
import { createOverlayFiles, type OverlayFiles } from './overlay-files.js';
import { invalid, noSnapshot, notFound, refused } from './refusals.js';
import { growRoot } from './root-growth.js';
import { createTurns, type Turns } from './turns.js';

export interface DiskPoolDeps {
  /** Holds `overlays` and `manifests`; made when it is not there. */
  readonly folder: string;
  readonly files: DiskFilesDeps;
  readonly cache: ClusterCache;
  /** Path of an image's blob, which nobody changes. Throws RefusedError blob.not-found. */
  readonly blobPath: (digest: string) => Promise<string>;
  /** Path of an upload that a disk is to be made of. */
  readonly uploadPath: (upload: string) => string;
  /** Returns a function that undoes it. */
  readonly after: (ms: number, run: () => void) => () => void;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

/** How long an image stays open without a user, in ms: boards that start again find it in memory. */
const imageLingerMs = 30_000;

interface Parts extends DiskPoolDeps {
  readonly overlays: OverlayFiles;
  readonly manifests: ManifestStore;
  readonly backups: BackupFiles;
  readonly turns: Turns;
  /** By the digest of their blob. */
  readonly images: Shared<OpenImage>;
  readonly disks: Shared<OpenedDisk>;
}

/** Opens the pool: makes its folders, and removes overlays that a crash left without a disk. */
export async function createDiskPool(deps: DiskPoolDeps): Promise<DiskPool> {
  const [overlayFolder, manifestFolder] = [join(deps.folder, 'overlays'), join(deps.folder, 'manifests')];
  for (const folder of [overlayFolder, manifestFolder]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const backups = await createBackupFiles(join(deps.folder, 'backups'));
  const parts = assemble(deps, createOverlayFiles(overlayFolder), createManifestStore(manifestFolder), backups);
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
    facts: async (disk) => factsOf(parts, await find(parts, disk), await neededByOthers(parts, disk)),
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

function assemble(deps: DiskPoolDeps, overlays: OverlayFiles, manifests: ManifestStore, backups: BackupFiles): Parts {
  const { after, log, cache, blobPath, files } = deps;
  const images = createShared<OpenImage>({
    open: async (digest) => openImage(digest, await blobPath(digest), cache),
    close: (image) => image.close(),
    lingerMs: imageLingerMs,
    onCloseFailed: (digest, error) => log.error({ err: error, image: digest }, 'an image could not be closed'),
    after,
  });
  const disks = createShared<OpenedDisk>({
    open: async (disk) => openDisk(await find({ manifests }, disk), { overlays, images, files, log }),
    close: (opened) => opened.close(),
    // What lets go of a disk closes it: its files are then as a backup or qemu-img wants them.
    lingerMs: 0,
    onCloseFailed: (disk, error) => log.error({ err: error, disk }, 'a disk could not be closed in order'),
    after,
  });
  return { ...deps, overlays, manifests, backups, images, disks, turns: createTurns() };
}

const inTurn = <T>({ turns }: Parts, disk: string, work: () => Promise<T>): Promise<T> =>
  turns.run(disk, () =>
    work().catch((error: unknown) => {
      throw refused(disk, error);
    }),
  );

/**
 * Changes of which overlays there are and who needs them happen one after the other, whatever disk they are of: else one would remove what another is about
 * to build on. They take milliseconds. Taken inside a disk's turn, never around one.
 */
const alone = <T>({ turns }: Parts, work: () => Promise<T>): Promise<T> => turns.run('overlays', work);

async function find({ manifests }: Pick<Parts, 'manifests'>, disk: string): Promise<Manifest> {
  const manifest = await manifests.find(disk);
  if (manifest === undefined) throw notFound(disk);
  return manifest;
}

/** What a new disk lies on. */
interface Ground {
  readonly base: string | null;
  readonly frozen: readonly string[];
  readonly least: number;
  readonly below?: { readonly path: string; readonly format: 'raw' | 'qcow2' };
}

const unwatched: FlattenProgress = { signal: new AbortController().signal, progress: () => undefined };

/** A disk on nothing, with the content of a file. */
async function restore(parts: Parts, plan: RestorePlan, options: FlattenProgress): Promise<void> {
  const { manifests, overlays, ids, files } = parts;
  if ((await manifests.find(plan.disk)) !== undefined) return;
  const { origin } = plan;
  const path = origin.kind === 'backup' ? await parts.blobPath(origin.digest) : parts.uploadPath(origin.upload);
  const head = ids.next('ovl');
  await restoreFrom({ path, format: origin.format }, overlays.path(head), plan.size, files, options);
  await manifests.save({ version: 1, disk: plan.disk, head, frozen: [], base: null, snapshots: {} });
}

/** States below a disk from which on a backup flattens it: each backup leaves one. */
const manyStates = 8;

async function makeBackup(
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
const dropState = async (parts: Parts, disk: string, backup: string): Promise<void> => {
  if ((await parts.manifests.find(disk)) === undefined) return;
  await inTurn(parts, disk, () => alone(parts, () => forgetSnapshot(parts, disk, snapshotOf(backup))));
};

async function groundOf(parts: Parts, { origin }: CreatePlan): Promise<Ground> {
  switch (origin.kind) {
    case 'empty':
      return { base: null, frozen: [], least: 512 };
    case 'image': {
      const path = await parts.blobPath(origin.digest);
      const source = await openBlockSource(path);
      await source.close();
      return { base: origin.digest, frozen: [], least: source.size, below: { path, format: 'raw' } };
    }
    case 'snapshot': {
      const manifest = await find(parts, origin.disk);
      const taken = manifest.snapshots[origin.snapshot];
      const [upper] = taken?.frozen ?? [];
      if (taken === undefined || upper === undefined) throw noSnapshot(origin.disk, origin.snapshot);
      return {
        base: manifest.base,
        frozen: taken.frozen,
        least: taken.size,
        below: { path: parts.overlays.path(upper), format: 'qcow2' },
      };
    }
  }
}

async function create(parts: Parts, plan: CreatePlan): Promise<void> {
  const { manifests, overlays, ids } = parts;
  if ((await manifests.find(plan.disk)) !== undefined) return;
  const ground = await groundOf(parts, plan);
  if (plan.size < ground.least)
    throw invalid(
      'size',
      `The disk would have ${plan.size} bytes, fewer than the ${ground.least} below it.`,
      'Make it larger.',
    );
  if (ground.frozen.length >= mostLayers)
    throw invalid(
      'origin',
      `The snapshot lies on ${ground.frozen.length} others.`,
      'Flatten the disk it is of, and take a new one.',
    );
  const head = ids.next('ovl');
  const path = overlays.path(head);
  const backing =
    ground.below === undefined
      ? {}
      : { backing: { name: nameFrom(path, ground.below.path), format: ground.below.format } };
  await createDiskFile(path, { size: plan.size, ...backing }, parts.files);
  await manifests.save({
    version: 1,
    disk: plan.disk,
    head,
    frozen: [...ground.frozen],
    base: ground.base,
    ...(plan.rootPartition === undefined ? {} : { rootPartition: plan.rootPartition }),
    snapshots: {},
  });
}

async function grow(parts: Parts, disk: string, evenInUse: boolean): Promise<RootGrowth> {
  const { rootPartition } = await find(parts, disk);
  if (rootPartition === undefined) return { kind: 'none' };
  const inUse = !evenInUse && parts.disks.isOpen(disk);
  return using(parts, disk, (opened) => growRoot(opened, rootPartition, inUse));
}

/** Opens the disk unless it is, and lets it go. */
async function using<T>({ disks }: Parts, disk: string, work: (opened: OpenedDisk) => Promise<T>): Promise<T> {
  const { value, release } = await disks.acquire(disk);
  try {
    return await work(value);
  } finally {
    release();
    await disks.closeIdle(disk);
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

async function takeSnapshot(parts: Parts, disk: string, snapshot: string): Promise<void> {
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

async function forgetSnapshot(parts: Parts, disk: string, snapshot: string): Promise<void> {
  const manifest = await find(parts, disk);
  const { [snapshot]: gone, ...snapshots } = manifest.snapshots;
  if (gone === undefined) return;
  await parts.manifests.save({ ...manifest, snapshots });
  await sweep(parts, overlaysOf(manifest));
}

async function flatten(
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

/** Removes those of the overlays that no disk needs. Nothing goes while a manifest cannot be read: it may be the one that needs them. */
async function sweep(parts: Parts, candidates: ReadonlySet<string>): Promise<void> {
  const { manifests, overlays, log } = parts;
  try {
    const needed = new Set<string>();
    for (const disk of await manifests.list()) {
      const manifest = await manifests.find(disk);
      if (manifest !== undefined) for (const id of overlaysOf(manifest)) needed.add(id);
    }
    const gone = [...candidates].filter((id) => !needed.has(id));
    if (gone.length > 0) await overlays.remove(gone);
  } catch (error) {
    log.error({ err: error }, 'overlays that may be of no use were kept, because a manifest cannot be read');
  }
}

async function neededByOthers({ manifests }: Parts, disk: string): Promise<ReadonlySet<string>> {
  const needed = new Set<string>();
  for (const other of await manifests.list()) {
    const manifest = other === disk ? undefined : await manifests.find(other);
    if (manifest !== undefined) for (const id of overlaysOf(manifest)) needed.add(id);
  }
  return needed;
}

async function list(parts: Parts): Promise<DiskFacts[]> {
  const all: DiskFacts[] = [];
  for (const disk of await parts.manifests.list()) {
    const manifest = await parts.manifests.find(disk);
    if (manifest !== undefined) all.push(await factsOf(parts, manifest, await neededByOthers(parts, disk)));
  }
  return all;
}

async function factsOf({ overlays }: Parts, manifest: Manifest, others: ReadonlySet<string>): Promise<DiskFacts> {
  let ownBytes = 0;
  for (const id of overlaysOf(manifest)) if (!others.has(id)) ownBytes += await overlays.bytes(id);
  return {
    disk: manifest.disk,
    base: manifest.base,
    snapshots: Object.entries(manifest.snapshots).map(([id, { size, takenAt }]) => ({ id, size, takenAt })),
    depth: manifest.frozen.length,
    ownBytes,
  };
}
