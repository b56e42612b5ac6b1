import { readQcow2Header } from '@drover/disk-image';
import type { Log } from '../../../app/ports.js';
import { openBlockSource } from '../block-file.js';
import { nameFrom } from '../disk-chain.js';
import type { DiskFilesDeps } from '../disk-files.js';
import { openDiskFiles, type OpenedDisk } from '../opened-disk.js';
import type { Lease, Shared } from '../shared.js';
import type { OpenImage } from './image.js';
import type { Manifest } from './manifest.js';
import type { OverlayFiles } from './overlay-files.js';

export interface OpenDiskDeps {
  readonly overlays: OverlayFiles;
  readonly images: Shared<OpenImage>;
  readonly files: DiskFilesDeps;
  readonly log: Log;
}

/** Opens a disk for writing. Throws ImageError, RefusedError blob.not-found, or the system's error; then no file stays open. */
export async function openDisk(manifest: Manifest, deps: OpenDiskDeps): Promise<OpenedDisk> {
  const image = manifest.base === null ? undefined : await deps.images.acquire(manifest.base);
  try {
    const opened = await openOver(manifest, image?.value, deps);
    warnOfRecovery(manifest, opened, deps.log);
    return endingWith(opened, image);
  } catch (error) {
    image?.release();
    throw error;
  }
}

async function openOver(
  manifest: Manifest,
  image: OpenImage | undefined,
  { overlays, files }: OpenDiskDeps,
): Promise<OpenedDisk> {
  const place = overlays.place(manifest.head);
  const layers = await layersBelow(
    place.overlay,
    manifest.frozen.map((id) => overlays.path(id)),
  );
  return openDiskFiles({ ...place, layers, base: image }, files);
}

/** A disk that was flattened just before a crash lies on less than its manifest says. */
async function layersBelow(overlay: string, frozen: readonly string[]): Promise<readonly string[]> {
  const [upper] = frozen;
  if (upper === undefined) return [];
  const source = await openBlockSource(overlay);
  try {
    const { backing } = await readQcow2Header(source);
    return backing?.name === nameFrom(overlay, upper) ? frozen : [];
  } finally {
    await source.close();
  }
}

function warnOfRecovery({ disk }: Manifest, { disk: { recovery } }: OpenedDisk, log: Log): void {
  if (recovery !== 'clean') log.warn({ disk, recovery }, 'a disk was not closed in order, and was put right');
}

/** Lets go of the image once the disk is closed. */
const endingWith = (opened: OpenedDisk, image: Lease<OpenImage> | undefined): OpenedDisk => ({
  disk: opened.disk,
  get place() {
    return opened.place;
  },
  snapshot: (next, commit) => opened.snapshot(next, commit),
  flatten: (options) => opened.flatten(options),
  close: async () => {
    try {
      await opened.close();
    } finally {
      image?.release();
    }
  },
});
