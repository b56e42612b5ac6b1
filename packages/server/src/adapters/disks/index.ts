export { openBlockFile, openBlockSource, type BlockFileDeps, type OpenBlockFileOptions } from './block-file.js';
export { readDiskContent } from './content.js';
export { readBootId } from './boot-id.js';
export { createDiskExport, createImageExport, type ExportFacts } from './disk-export.js';
export type { DiskBase } from './disk-chain.js';
export { createDiskFile, newImageFile, type DiskFilesDeps, type NewImageFile } from './disk-files.js';
export { createFileLock, type FileLock } from './file-lock.js';
export { createGate, type Gate } from './gate.js';
export { createHolePuncher, type HolePuncher } from './hole-puncher.js';
export { createShared, type Lease, type Shared, type SharedDeps } from './shared.js';
export {
  openDiskFiles,
  type DiskPlace,
  type FlattenDiskOptions,
  type OpenedDisk,
  type OverlayPlace,
} from './opened-disk.js';
export { backupPath, openLocalDisks, type LocalDisksDeps } from './local-disks.js';
