export { openBlockFile, openBlockSource, type BlockFileDeps, type OpenBlockFileOptions } from './block-file.js';
export { readBootId } from './boot-id.js';
export { createDiskExport, createImageExport, type ExportFacts } from './disk-export.js';
export {
  createDiskFile,
  newImageFile,
  openDiskFiles,
  type DiskBase,
  type DiskFilesDeps,
  type DiskPlace,
  type NewImageFile,
  type OpenedDisk,
} from './disk-files.js';
export { createFileLock, type FileLock } from './file-lock.js';
export { createGate, type Gate } from './gate.js';
export { createHolePuncher, type HolePuncher } from './hole-puncher.js';
export { createShared, type Lease, type Shared, type SharedDeps } from './shared.js';
