import { refusal, RefusedError, type ImageFacts, type Model } from '@drover/contract';
import {
  cachedSource,
  ImageError,
  inspectImage,
  openFat,
  windowOf,
  type FatEntry,
  type ImageFacts as DiskFacts,
  type RandomAccess,
} from '@drover/disk-image';
import type { ImageInspector, InspectedImage } from '../../app/images/ports.js';
import { lintBootFiles } from './boot-lint.js';
import { openFileSource } from './file-source.js';

/** What disk-image refuses becomes a refusal of ours; anything else is a fault. */
export function refuseImageError(fault: unknown): never {
  if (!(fault instanceof ImageError)) throw fault;
  const code = fault.code.endsWith('.unsupported') ? 'image.unsupported' : 'image.broken';
  throw new RefusedError(
    refusal(code, `${fault.message} (${fault.code})`, fault.remedy === undefined ? {} : { remedy: fault.remedy }),
  );
}

const fileSystemOf = (disk: DiskFacts, number: number): { fileSystem: string | null; label: string | null } => {
  if (disk.boot.partition === number) return { fileSystem: disk.boot.fat, label: disk.boot.label || null };
  if (disk.root?.partition === number) return { fileSystem: 'ext4', label: disk.root.label || null };
  return { fileSystem: null, label: null };
};

function releaseOf(disk: DiskFacts): ImageFacts['release'] {
  const release = disk.root?.osRelease;
  if (release?.id === undefined) return null;
  return { id: release.id, version: release.versionId ?? null, name: release.prettyName ?? release.id };
}

/** Root modes that an image can be booted in as far as the image itself tells; what its kernels can is told when their initramfs is made. */
function rootModesOf(disk: DiskFacts): ImageFacts['rootModes'] {
  const bootable = disk.boot.kernels.some((kernel) => kernel.architecture !== undefined && kernel.modulesPresent);
  return disk.root === null || !bootable ? [] : ['ram', 'stream', 'nbd', 'nfs', 'sd'];
}

/** QEMU's `virt` and its like need no firmware files and bring their own device tree: any arm64 kernel will do. */
function modelsOf(disk: DiskFacts): Model[] {
  const boards = disk.models.filter((verdict) => verdict.boots).map(({ model }): Model => model);
  return disk.boot.kernels.some((kernel) => kernel.architecture === 'arm64') ? [...boards, 'virt'] : boards;
}

export function factsOf(disk: DiskFacts, warnings: string[]): ImageFacts {
  const { root, boot, partitionTable: table } = disk;
  const refused = disk.models.filter((verdict) => !verdict.boots);
  return {
    scheme: table.scheme,
    diskId: table.diskId,
    partitions: table.partitions.map(({ number, offset, length, type, partuuid }) => ({
      number,
      offset,
      length,
      type,
      partuuid,
      ...fileSystemOf(disk, number),
    })),
    bootPartition: boot.partition,
    rootPartition: root?.partition ?? null,
    bootFiles: boot.files,
    release: releaseOf(disk),
    architecture: root?.architecture ?? null,
    init: root === null ? null : root.init === 'unknown' ? 'other' : root.init,
    kernels: boot.kernels.map(({ file, architecture, release, modulesPresent }) => ({
      file,
      architecture: architecture ?? 'other',
      release: release ?? null,
      modules: modulesPresent,
    })),
    initramfs: boot.initramfs,
    models: modelsOf(disk),
    unfit: refused.map(({ model, reason }) => ({ model, reason: reason ?? 'unknown' })),
    rootModes: rootModesOf(disk),
    warnings,
    rootUsedBytes: root?.usedBytes ?? null,
    rootNeedsRecovery: root?.needsRecovery ?? false,
  };
}

async function read(source: RandomAccess): Promise<InspectedImage> {
  const disk = await inspectImage(source);
  const partition = disk.partitionTable.partitions.find(({ number }) => number === disk.boot.partition);
  if (partition === undefined) throw new Error('the boot partition is not in the partition table');
  const fat = await openFat(windowOf(source, partition.offset, partition.length));
  const files = (await fat.entries()).filter((entry) => entry.kind === 'file');
  const config = disk.boot.configTxt ?? null;
  const cmdline = disk.boot.cmdlineTxt ?? null;
  return {
    facts: factsOf(disk, lintBootFiles({ files, config, cmdline, needsRecovery: disk.root?.needsRecovery ?? false })),
    tree: {
      version: 1,
      files: files.map((file) => treeFile(file, partition.offset)),
      config,
      cmdline,
      kernels: disk.boot.kernels.map(({ file, architecture, release }) => ({
        file,
        architecture: architecture ?? 'other',
        release: release ?? null,
      })),
    },
  };
}

/** Extents of the volume become extents of the disk. */
const treeFile = (file: FatEntry, base: number) => ({
  path: file.path,
  size: file.size,
  extents: file.extents.map(({ offset, length }) => [base + offset, length] as const),
});

export const createImageInspector = (): ImageInspector => ({
  inspect: async (path) => {
    const file = await openFileSource(path);
    try {
      return await read(cachedSource(file, { pageSize: 64 * 1024, pages: 256 }));
    } catch (fault) {
      return refuseImageError(fault);
    } finally {
      await file.close();
    }
  },
});
