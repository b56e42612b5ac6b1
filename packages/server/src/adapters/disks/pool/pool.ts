import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { refusal, RefusedError } from '@drover/contract';
import { checkQcow2, createQcow2, ImageError, mostLayers, rawView } from '@drover/disk-image';
import type { ClusterCache, Qcow2Environment } from '@drover/disk-image';
import type { DiskFacts, DiskFileReport, DiskPlan, DiskPool, HeldDisk, HeldImage } from '../../../app/disks/pool.js';
import type { Clock, Ids, Log } from '../../../app/ports.js';
import { openBlockSource, type BlockFileDeps } from '../block-file.js';
import { createManifestStore, overlaysOf, type Manifest, type ManifestStore } from './manifest.js';
import { openDisk, type OpenDisk, type OpenDiskDeps } from './open-disk.js';
import { createOverlayFiles } from './overlay-files.js';
import { invalid, noSnapshot, notFound, refused } from './refusals.js';
import { createTurns, type Turns } from './turns.js';

export interface DiskPoolDeps {
  /** Holds `overlays` and `manifests`; made when it is not there. */
  readonly folder: string;
  readonly blocks: BlockFileDeps;
  readonly environment: Qcow2Environment;
  readonly cache: ClusterCache;
  readonly blobPath: (digest: string) => Promise<string>;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
}

interface Held {
  readonly opened: OpenDisk;
  users: number;
}

interface Parts extends OpenDiskDeps {
  readonly manifests: ManifestStore;
  readonly turns: Turns;
  /** Disks that are open, by id. Changed only in the disk's turn. */
  readonly open: Map<string, Held>;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Opens the pool: makes its folders, and removes overlays that a crash left without a disk. */
export async function createDiskPool(deps: DiskPoolDeps): Promise<DiskPool> {
  const [overlayFolder, manifestFolder] = [join(deps.folder, 'overlays'), join(deps.folder, 'manifests')];
  for (const folder of [overlayFolder, manifestFolder]) await mkdir(folder, { recursive: true, mode: 0o700 });
  const parts: Parts = {
    ...deps,
    overlays: createOverlayFiles(overlayFolder, deps.blocks),
    manifests: createManifestStore(manifestFolder),
    turns: createTurns(),
    open: new Map(),
  };
  await sweep(parts, await parts.overlays.list());
  return {
    create: (plan) => inTurn(parts, plan.disk, () => alone(parts, () => create(parts, plan))),
    hold: (disk) => inTurn(parts, disk, () => hold(parts, disk)),
    holdImage: (digest) => holdImage(parts, digest),
    list: () => list(parts),
    facts: async (disk) => factsOf(parts, await find(parts, disk), await neededByOthers(parts, disk)),
    snapshot: (disk, snapshot) => inTurn(parts, disk, () => takeSnapshot(parts, disk, snapshot)),
    forgetSnapshot: (disk, snapshot) =>
      inTurn(parts, disk, () => alone(parts, () => forgetSnapshot(parts, disk, snapshot))),
    resize: (disk, size) => inTurn(parts, disk, () => using(parts, disk, ({ opened }) => opened.disk.resize(size))),
    flatten: (disk, options) => flatten(parts, disk, options),
    check: (disk) => check(parts, disk),
    remove: (disk, options) =>
      inTurn(parts, disk, () => alone(parts, () => remove(parts, disk, options?.withSnapshots ?? false))),
  };
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

async function find({ manifests }: Parts, disk: string): Promise<Manifest> {
  const manifest = await manifests.find(disk);
  if (manifest === undefined) throw notFound(disk);
  return manifest;
}

/** What a new disk lies on. */
interface Ground {
  readonly base: string | null;
  readonly frozen: readonly string[];
  readonly least: number;
  readonly backing?: { readonly name: string; readonly format: 'raw' | 'qcow2' };
}

async function groundOf(parts: Parts, { origin }: DiskPlan): Promise<Ground> {
  switch (origin.kind) {
    case 'empty':
      return { base: null, frozen: [], least: 512 };
    case 'image': {
      const path = await parts.blobPath(origin.digest);
      const source = await openBlockSource(path);
      await source.close();
      return {
        base: origin.digest,
        frozen: [],
        least: source.size,
        backing: { name: parts.overlays.nameFor(path), format: 'raw' },
      };
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
        backing: { name: parts.overlays.nameOf(upper), format: 'qcow2' },
      };
    }
  }
}

async function create(parts: Parts, plan: DiskPlan): Promise<void> {
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
  await makeOverlay(parts, head, {
    size: plan.size,
    ...(ground.backing === undefined ? {} : { backing: ground.backing }),
  });
  await overlays.sync();
  await manifests.save({
    version: 1,
    disk: plan.disk,
    head,
    frozen: [...ground.frozen],
    base: ground.base,
    snapshots: {},
  });
}

async function makeOverlay({ overlays }: Parts, id: string, options: Parameters<typeof createQcow2>[1]): Promise<void> {
  const file = await overlays.create(id);
  try {
    await createQcow2(file, options);
  } catch (error) {
    await overlays.remove([id]);
    throw error;
  } finally {
    await file.close();
  }
}

/** Opens the disk unless it is, in its turn. */
async function enter(parts: Parts, disk: string): Promise<Held> {
  const known = parts.open.get(disk);
  if (known !== undefined) {
    known.users += 1;
    return known;
  }
  const held = { opened: await openDisk(await find(parts, disk), parts), users: 1 };
  parts.open.set(disk, held);
  return held;
}

/** Closes the disk when nobody uses it any more, in its turn. */
async function leave({ open, log }: Parts, disk: string, held: Held): Promise<void> {
  held.users -= 1;
  if (held.users > 0) return;
  open.delete(disk);
  await held.opened
    .close()
    .catch((error: unknown) => log.error({ err: error, disk }, 'a disk could not be closed in order'));
}

async function using<T>(parts: Parts, disk: string, work: (held: Held) => Promise<T>): Promise<T> {
  const held = await enter(parts, disk);
  try {
    return await work(held);
  } finally {
    await leave(parts, disk, held);
  }
}

async function hold(parts: Parts, disk: string): Promise<HeldDisk> {
  const held = await enter(parts, disk);
  let isReleased = false;
  return {
    disk: held.opened.disk,
    release: async () => {
      if (isReleased) return;
      isReleased = true;
      await parts.turns.run(disk, () => leave(parts, disk, held));
    },
  };
}

async function holdImage({ blobPath, cache }: Parts, digest: string): Promise<HeldImage> {
  const source = await openBlockSource(await blobPath(digest));
  let closing: Promise<void> | undefined;
  return {
    view: rawView(cache.open(digest, source)),
    release: () => (closing ??= source.close()),
  };
}

async function takeSnapshot(parts: Parts, disk: string, snapshot: string): Promise<void> {
  if ((await find(parts, disk)).snapshots[snapshot] !== undefined) return;
  await using(parts, disk, async ({ opened }) => {
    if (opened.disk.stats().layers >= mostLayers)
      throw invalid('disk', `The disk lies on ${mostLayers} snapshots already.`, 'Flatten it first.');
    const manifest = await find(parts, disk);
    const head = parts.ids.next('ovl');
    const file = await parts.overlays.create(head);
    const log = await parts.overlays.openLog(head);
    opened.own(file);
    opened.own(log);
    const publish = async (): Promise<void> => {
      // Its header is the judge: a crash may have come between a flattening and the manifest.
      const below = opened.disk.stats().layers === 0 ? [] : manifest.frozen;
      const frozen = [manifest.head, ...below];
      const takenAt = new Date(parts.clock.now()).toISOString();
      const taken = { size: opened.disk.size, frozen, takenAt };
      await parts.overlays.sync();
      await parts.manifests.save({
        ...manifest,
        head,
        frozen,
        snapshots: { ...manifest.snapshots, [snapshot]: taken },
      });
    };
    try {
      await opened.disk.snapshot({ file, log, backingName: parts.overlays.nameOf(manifest.head), publish });
    } catch (error) {
      if ((await find(parts, disk)).head !== head) await parts.overlays.remove([head]);
      throw error;
    }
    await parts.overlays.removeLog(manifest.head);
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
  const held = await parts.turns.run(disk, () => enter(parts, disk));
  try {
    const { base } = await find(parts, disk);
    const name = base === null ? undefined : parts.overlays.nameFor(await parts.blobPath(base));
    await held.opened.disk.flatten({
      onto: base === null ? 'nothing' : 'base',
      ...(name === undefined ? {} : { backing: { name, format: 'raw' as const } }),
      signal,
      onProgress: ({ done, total }) => progress(done, total),
    });
    await parts.turns.run(disk, async () => {
      const manifest = await find(parts, disk);
      if (held.opened.disk.stats().layers > 0) return;
      await alone(parts, async () => {
        await parts.manifests.save({ ...manifest, frozen: [] });
        await sweep(parts, overlaysOf(manifest));
      });
    });
  } catch (error) {
    throw refused(disk, error);
  } finally {
    await parts.turns.run(disk, () => leave(parts, disk, held));
  }
}

async function check(parts: Parts, disk: string): Promise<DiskFileReport[]> {
  const manifest = await find(parts, disk);
  const reports: DiskFileReport[] = [];
  for (const id of overlaysOf(manifest)) {
    const file = parts.overlays.nameOf(id);
    const source = await openBlockSource(parts.overlays.path(id));
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
  if (parts.open.has(disk)) throw inUse(disk, 'it is open', 'Release the device that uses it, or power it off.');
  if (snapshots > 0 && !withSnapshots)
    throw inUse(disk, `it has ${snapshots} snapshots`, 'Delete them first, or say that they go with it.');
  await parts.manifests.remove(disk);
  await sweep(parts, overlaysOf(manifest));
}

const inUse = (disk: string, why: string, remedy: string): RefusedError =>
  new RefusedError(refusal('disk.in-use', `The disk ${disk} cannot be deleted: ${why}.`, { remedy }));

/** Removes those of the overlays that no disk needs. Nothing goes while a manifest cannot be read: it may be the one that needs them. */
async function sweep(parts: Parts, candidates: ReadonlySet<string>): Promise<void> {
  const { manifests, overlays, open, log } = parts;
  try {
    const needed = new Set<string>();
    for (const disk of await manifests.list()) {
      const manifest = await manifests.find(disk);
      if (manifest !== undefined) for (const id of overlaysOf(manifest)) needed.add(id);
    }
    const gone = [...candidates].filter((id) => !needed.has(id));
    if (gone.length > 0) await overlays.remove(gone);
  } catch (error) {
    log.error(
      { err: error, open: open.size },
      'overlays that may be of no use were kept, because a manifest cannot be read',
    );
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
