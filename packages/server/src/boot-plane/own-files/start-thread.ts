import type { ReadingThread, ThreadInput } from '../../adapters/boot-files/index.js';
import { startThread } from '../start-thread.js';

/** Enough for a kernel, decompressed, and the modules of one; a disk that makes more of it is given up. */
const resourceLimits = { maxOldGenerationSizeMb: 384 };

/** Starts a thread that reads the boot files of one disk. */
export const startReadingThread = (workerData: ThreadInput): ReadingThread =>
  startThread(new URL('./boot-files-thread.js', import.meta.url), { workerData, resourceLimits, name: 'boot-files' });
