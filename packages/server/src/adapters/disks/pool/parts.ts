import type { ClusterCache } from '@drover/disk-image';
import type { Clock, Ids, Log } from '../../../app/ports.js';
import type { DiskFilesDeps } from '../disk-files.js';
import type { OpenedDisk } from '../opened-disk.js';
import { createShared, type Shared } from '../shared.js';
import type { BackupFiles } from './backups.js';
import { openImage, type OpenImage } from './image.js';
import type { Manifest, ManifestStore } from './manifest.js';
import { openDisk } from './open-disk.js';
import type { OverlayFiles } from './overlay-files.js';
import { notFound, refused } from './refusals.js';
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

/** What the operations of a pool share. */
export interface Parts extends DiskPoolDeps {
  readonly overlays: OverlayFiles;
  readonly manifests: ManifestStore;
  readonly backups: BackupFiles;
  readonly turns: Turns;
  /** By the digest of their blob. */
  readonly images: Shared<OpenImage>;
  readonly disks: Shared<OpenedDisk>;
}

export function assemble(
  deps: DiskPoolDeps,
  { overlays, manifests, backups }: Pick<Parts, 'overlays' | 'manifests' | 'backups'>,
): Parts {
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

/** One operation on a disk at a time; what goes wrong is told as a refusal where it is one. */
export const inTurn = <T>({ turns }: Parts, disk: string, work: () => Promise<T>): Promise<T> =>
  turns.run(disk, () =>
    work().catch((error: unknown) => {
      throw refused(disk, error);
    }),
  );

/**
 * Changes of which overlays there are and who needs them happen one after the other, whatever disk they are of: else one would remove what another is about
 * to build on. They take milliseconds. Taken inside a disk's turn, never around one.
 */
export const alone = <T>({ turns }: Parts, work: () => Promise<T>): Promise<T> => turns.run('overlays', work);

export async function find({ manifests }: Pick<Parts, 'manifests'>, disk: string): Promise<Manifest> {
  const manifest = await manifests.find(disk);
  if (manifest === undefined) throw notFound(disk);
  return manifest;
}

/** Opens the disk unless it is, and lets it go. */
export async function using<T>({ disks }: Parts, disk: string, work: (opened: OpenedDisk) => Promise<T>): Promise<T> {
  const { value, release } = await disks.acquire(disk);
  try {
    return await work(value);
  } finally {
    release();
    await disks.closeIdle(disk);
  }
}

/** Removes those of the overlays that no disk needs. Nothing goes while a manifest cannot be read: it may be the one that needs them. */
export async function sweep({ manifests, overlays, log }: Parts, candidates: ReadonlySet<string>): Promise<void> {
  const gone: string[] = [];
  for (const id of candidates) {
    const users = manifests.users(id);
    if (users === undefined) return log.error({}, 'overlays are kept that may be of no use: a manifest cannot be read');
    if (users === 0) gone.push(id);
  }
  if (gone.length > 0) await overlays.remove(gone);
}
