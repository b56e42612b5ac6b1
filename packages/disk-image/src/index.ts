/**
 * Disk images read in place: partition tables, FAT, ext4, cpio, decompression, and what an image says about
 * itself; and qcow2 overlays, read and written. Nothing is mounted, and nothing in an image is trusted.
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
export { planPartitionGrowth } from './partition/growth.js';
export type { DiskWrite, PartitionGrowth } from './partition/growth-plan.js';
export { openFat } from './fat/volume.js';
export type { FatEntry, FatVolume } from './fat/types.js';
export { openExt4 } from './ext4/volume.js';
export type { JournalFault, JournalUse } from './ext4/journal/types.js';
export { decodeName, encodeName } from './ext4/names.js';
export type { DirectoryEntry, Ext4Stat, Ext4Volume, FileKind, Timestamp, WalkEntry, Xattr } from './ext4/types.js';
export { packTar } from './tar/pack.js';
export { patchSquashfsRoot, squashfsRootOptions, type SquashfsPatch, type SquashfsRoot } from './squashfs/root.js';
export type { PackTarOptions } from './tar/types.js';
export type { BlockFile, BlockSource, BlockStatus, DiskView } from './qcow2/types.js';
export { createQcow2, type CreateQcow2Options } from './qcow2/create.js';
export { readHeader as readQcow2Header, type BackingName, type Qcow2Header } from './qcow2/header.js';
export {
  openQcow2,
  type DiskStats,
  type OpenQcow2Options,
  type Qcow2Disk,
  type WriteOptions,
  type ZeroOptions,
} from './qcow2/disk.js';
export type { Qcow2Environment } from './qcow2/active.js';
export type { Recovery } from './qcow2/open.js';
export type { SnapshotOptions } from './qcow2/snapshot.js';
export type { ResizeOptions } from './qcow2/resize.js';
export type { CopyProgress, FlattenOptions } from './qcow2/flatten.js';
export { mostLayers } from './qcow2/state.js';
export { openLayer, type Layer, type OpenLayerOptions } from './qcow2/layer.js';
export { copyToQcow2, copyToRaw, type CopyOptions } from './qcow2/copy.js';
export { compactQcow2, type CompactOptions } from './qcow2/compact.js';
export { checkQcow2, repairQcow2, type Qcow2Report } from './qcow2/check.js';
export { findData, rawView, uncached, type FindDataOptions } from './qcow2/backing.js';
export { createTableCache, type TableCache } from './qcow2/table-cache.js';
export {
  createClusterCache,
  type CachedFile,
  type ClusterCache,
  type ClusterCacheOptions,
} from './qcow2/cluster-cache.js';
export { applyDelta, readDelta } from './delta/apply.js';
export { deltaSize } from './delta/format.js';
export { planDelta } from './delta/plan.js';
export type { DeltaOptions, DeltaPlan, Instruction } from './delta/types.js';
export { encodeDelta } from './delta/write.js';
export { packCpio } from './cpio/pack.js';
export { readCpio } from './cpio/read.js';
export type { CpioEntry, CpioRecord, PackCpioOptions } from './cpio/types.js';
export { detectCompression, detectContainer, type Compression, type ContainerFormat } from './compression/container.js';
export { decompress, type DecompressOptions } from './compression/decompress.js';
export { inspectKernel } from './kernel/inspect.js';
export { listKernelModules, moduleName, resolveModules } from './kernel/modules.js';
export type { KernelArchitecture, KernelFacts, KernelFormat, ModuleFile, ResolvedModules } from './kernel/types.js';
export { debianArchitectures, modelTable, type ModelNeeds } from './facts/model-table.js';
export { inspectImage, openBoot, openImage, openRoot, type OpenImage } from './facts/image.js';
export { findBootKernels, type KernelIdentity } from './facts/boot.js';
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
