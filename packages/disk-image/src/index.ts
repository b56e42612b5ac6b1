/**
 * Disk images read in place: partition tables, FAT, ext4, cpio, decompression, and what an image says about
 * itself. Nothing is mounted, nothing is written, and nothing in an image is trusted.
 */
export { ImageError, type ImageErrorCode, type ImageErrorDetail } from './errors.js';
export {
  cachedSource,
  memorySource,
  readExtents,
  windowOf,
  type CacheOptions,
  type Extent,
  type RandomAccess,
} from './source.js';
export type { Partition, PartitionTable, PartitionTableOptions } from './partition/types.js';
export { readPartitionTable } from './partition/table.js';
export { openFat } from './fat/volume.js';
export type { FatEntry, FatVolume } from './fat/types.js';
export { openExt4 } from './ext4/volume.js';
export { decodeName, encodeName } from './ext4/names.js';
export type { DirectoryEntry, Ext4Stat, Ext4Volume, FileKind, Timestamp, WalkEntry, Xattr } from './ext4/types.js';
export { packTar } from './tar/pack.js';
export { patchSquashfsRoot, squashfsRootOptions, type SquashfsPatch, type SquashfsRoot } from './squashfs/root.js';
export type { PackTarOptions } from './tar/types.js';
export { packCpio } from './cpio/pack.js';
export { readCpio } from './cpio/read.js';
export type { CpioEntry, CpioRecord, PackCpioOptions } from './cpio/types.js';
export { detectCompression, detectContainer, type Compression, type ContainerFormat } from './compression/container.js';
export { decompress, type DecompressOptions } from './compression/decompress.js';
export { inspectKernel } from './kernel/inspect.js';
export { listKernelModules, moduleName, resolveModules } from './kernel/modules.js';
export type { KernelArchitecture, KernelFacts, KernelFormat, ModuleFile, ResolvedModules } from './kernel/types.js';
export { inspectImage, openImage, type OpenImage } from './facts/image.js';
export { settingsFor } from './facts/config-txt.js';
export {
  piModels,
  type BootFacts,
  type BootKernel,
  type ImageFacts,
  type InitSystem,
  type ModelVerdict,
  type OsRelease,
  type PiModel,
  type RootArchitecture,
  type RootFacts,
} from './facts/types.js';
