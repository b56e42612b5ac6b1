import { Worker } from 'node:worker_threads';
import type { ReadingThread, ThreadInput } from '../../adapters/boot-files/index.js';

/** Enough for a kernel, decompressed, and the modules of one; a disk that makes more of it is given up. */
const resourceLimits = { maxOldGenerationSizeMb: 384 };

const isSource = import.meta.url.endsWith('.ts');

/** Threads have no loader for TypeScript: those of a test get one first. */
const fromSource = (url: URL): string => {
  const loader = new URL('../../../test/from-source.mjs', import.meta.url);
  return `import(${JSON.stringify(loader.href)}).then(() => import(${JSON.stringify(url.href)}))`;
};

/** Starts a thread that reads the boot files of one disk. */
export function startReadingThread(workerData: ThreadInput): ReadingThread {
  const options = { workerData, resourceLimits, name: 'boot-files' };
  if (!isSource) return new Worker(new URL('./boot-files-thread.js', import.meta.url), options);
  const code = fromSource(new URL('./boot-files-thread.ts', import.meta.url));
  return new Worker(code, { ...options, eval: true, execArgv: ['--conditions=drover-source'] });
}
