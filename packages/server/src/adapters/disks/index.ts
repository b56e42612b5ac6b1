export { openBlockFile, openBlockSource, type BlockFileDeps, type OpenBlockFileOptions } from './block-file.js';
export { createFileLock, type FileLock } from './file-lock.js';
export { createGate, type Gate } from './gate.js';
export { createHolePuncher, type HolePuncher } from './hole-puncher.js';
