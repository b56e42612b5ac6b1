import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BackupId, type BackupFormat } from '@drover/contract';
import { copyToQcow2, copyToRaw, type DiskView } from '@drover/disk-image';
import type { DiskContent, DiskOrigin, DiskPlan, FlattenProgress } from '../../../app/disks/pool.js';
import { readDiskContent, withContent } from '../content.js';
import { closeLayers, openLayers } from '../disk-chain.js';
import { beingMade, newImageFile, syncFolder, type DiskFilesDeps } from '../disk-files.js';
import { isAbsent } from '../file-error.js';
import type { Shared } from '../shared.js';
import type { OpenImage } from './image.js';
import type { Manifest } from './manifest.js';
import type { OverlayFiles } from './overlay-files.js';

/** Files of backups, from when they are begun until somebody takes them over. */
export interface BackupFiles {
  path(backup: string): string;
  isDone(backup: string): Promise<boolean>;
  content(backup: string): Promise<DiskContent>;
  remove(backup: string): Promise<void>;
}

export async function createBackupFiles(folder: string): Promise<BackupFiles> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = (backup: string): string => join(folder, BackupId.parse(backup));
  // What was being written is begun anew.
  for (const name of await readdir(folder)) if (name.endsWith(beingMade(''))) await rm(join(folder, name));
  return {
    path,
    isDone: (backup) =>
      stat(path(backup)).then(
        () => true,
        (error: unknown) => {
          if (isAbsent(error)) return false;
          throw error;
        },
      ),
    content: (backup) => readDiskContent(path(backup)),
    remove: async (backup) => {
      await rm(beingMade(path(backup)), { force: true });
      await rm(path(backup), { force: true });
      await syncFolder(folder);
    },
  };
}

interface Sources {
  readonly overlays: OverlayFiles;
  readonly images: Shared<OpenImage>;
  readonly files: DiskFilesDeps;
}

/** The state of a disk that is kept while it is copied. It goes with the copying, and has the same number. */
export const snapshotOf = (backup: string): string => `snp_${BackupId.parse(backup).slice('bak_'.length)}`;

/** Copies a kept state of a disk, with all it lies on, into one file. A crash leaves no file of that name. */
export async function writeBackup(
  sources: Sources,
  { base, snapshots }: Manifest,
  { path, snapshot, format }: { path: string; snapshot: string; format: BackupFormat },
  options: FlattenProgress,
): Promise<void> {
  const { overlays, images, files } = sources;
  const frozen = snapshots[snapshot]?.frozen ?? [];
  const image = base === null ? undefined : await images.acquire(base);
  try {
    const layers = await openLayers(
      frozen.map((id) => overlays.path(id)),
      image?.value,
      files.environment,
    );
    try {
      const view = layers[0]?.layer.view;
      if (view === undefined) throw new Error(`the snapshot ${snapshot} has no overlay`);
      await copyTo(path, view, format, files, options);
    } finally {
      await closeLayers(layers);
    }
  } finally {
    image?.release();
  }
}

/** Makes the overlay of a disk from the content of a file. */
export async function restoreFrom(
  source: { path: string; format: BackupFormat },
  target: string,
  size: number,
  files: DiskFilesDeps,
  options: FlattenProgress,
): Promise<void> {
  await withContent(source.path, source.format, files.environment, (view) =>
    copyTo(target, view, 'qcow2', files, options, size),
  );
}

async function copyTo(
  path: string,
  view: DiskView,
  format: BackupFormat,
  files: DiskFilesDeps,
  { signal, progress }: FlattenProgress,
  size?: number,
): Promise<void> {
  const image = await newImageFile(path, files, { locked: false });
  try {
    const copy = {
      ...{ view, target: image.file, signal },
      ...(size === undefined ? {} : { size }),
      onProgress: ({ done, total }: { done: number; total: number }) => progress(done, total),
    };
    if (format === 'raw') await copyToRaw(copy);
    else await copyToQcow2({ ...copy, environment: files.environment });
    await image.publish();
  } catch (error) {
    await image.discard();
    throw error;
  } finally {
    await image.file.close();
  }
}

/** A disk whose content comes from a file. */
export type RestorePlan = DiskPlan & { readonly origin: FileOrigin };
/** Any other disk. */
export type CreatePlan = DiskPlan & { readonly origin: Exclude<DiskOrigin, FileOrigin> };
type FileOrigin = Extract<DiskOrigin, { kind: 'backup' | 'upload' }>;

const isFile = ({ kind }: DiskOrigin): boolean => kind === 'backup' || kind === 'upload';

export const isRestore = (plan: DiskPlan): plan is RestorePlan => isFile(plan.origin);
export const isCreate = (plan: DiskPlan): plan is CreatePlan => !isFile(plan.origin);
