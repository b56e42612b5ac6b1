import { Worker, type WorkerOptions } from 'node:worker_threads';

const isSource = import.meta.url.endsWith('.ts');

/** Threads have no loader for TypeScript: those of a test get one first. */
const fromSource = (url: URL): string => {
  const loader = new URL('../../test/from-source.mjs', import.meta.url);
  return `import(${JSON.stringify(loader.href)}).then(() => import(${JSON.stringify(url.href)}))`;
};

/** Starts a thread from a module of ours, named as it is when built (`.js`). */
export function startThread(module: URL, options: WorkerOptions): Worker {
  if (!isSource) return new Worker(module, options);
  const source = new URL(module.href.replace(/\.js$/, '.ts'));
  return new Worker(fromSource(source), { ...options, eval: true, execArgv: ['--conditions=drover-source'] });
}
