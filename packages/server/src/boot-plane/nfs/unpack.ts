import type { Worker } from 'node:worker_threads';
import { RefusedError } from '@drover/contract';
import type { UnpackTree } from '../../adapters/nfs/index.js';
import { startThread } from '../start-thread.js';
import type { FromUnpack, UnpackInput } from './unpack-thread.js';

/** Reading a file system takes as much of a core as it can get: others are served meanwhile. */
export const unpackInThread: UnpackTree = (source, folder, { signal, progress }) =>
  new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const input: UnpackInput = { source, folder };
    const thread: Worker = startThread(new URL('./unpack-thread.js', import.meta.url), {
      workerData: input,
      name: 'unpack',
    });
    const stop = (): void => thread.postMessage('stop');
    let end: () => void = () => reject(new Error('the thread that unpacks an image ended'));
    signal.addEventListener('abort', stop, { once: true });
    thread.on('message', (said: FromUnpack) => {
      if (said.kind === 'progress') progress(said.done, said.total);
      else if (said.kind === 'done') end = resolve;
      else end = () => reject(new RefusedError(said.refusal));
    });
    thread.on('error', (error) => {
      end = () => reject(error instanceof Error ? error : new Error(String(error)));
    });
    // When it is gone nothing of it writes into the folder any more.
    thread.on('exit', () => {
      signal.removeEventListener('abort', stop);
      if (signal.aborted) reject(signal.reason as Error);
      else end();
    });
  });
