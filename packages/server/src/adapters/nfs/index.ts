export type { UnpackTree } from './bases.js';
export { openDirectories, type DirectoriesDeps } from './directories.js';
export { createExportMemory } from './export-memory.js';
export { createGanesha, type GaneshaDeps } from './ganesha.js';
export { createKernelNfs, type KernelNfsDeps } from './kernel.js';
export { isAnswering } from './is-answering.js';
