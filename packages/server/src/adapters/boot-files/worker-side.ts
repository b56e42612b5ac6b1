/** What the thread needs that reads boot files, and nothing that takes long to load. */
export { createCopyWriter } from './copy-writer.js';
export type { PackModules } from './own-modules.js';
export { readOwnFiles } from './read-own-files.js';
export { askedDisk, type FromThread, type Port, type ThreadInput, type ToThread } from './thread.js';
