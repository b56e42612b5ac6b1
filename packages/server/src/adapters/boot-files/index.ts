export { openCopies, type Copies, type CopyLimits } from './copies.js';
export { createCopyWriter, type Copy, type CopyWriter } from './copy-writer.js';
export type { PackModules } from './own-modules.js';
export { isUntouched, ownDisk, type OwnDisk } from './own-disk.js';
export { readOwnFiles, type OwnFilesLimits, type ReadDeps } from './read-own-files.js';
export { createOwnFilesReader, type HeldView, type ReaderDeps, type ReadingThread } from './reader.js';
export { askedDisk, type FromThread, type Port, type ThreadInput, type ToThread } from './thread.js';
