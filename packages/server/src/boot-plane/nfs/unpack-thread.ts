import { parentPort, workerData } from 'node:worker_threads';
import { RefusedError, type Refusal } from '@drover/contract';
import { createToolRunner } from '@drover/tools';
import { openFileSource } from '../../adapters/import/file-source.js';
import { unpackTree, type TreeSource } from '../../adapters/tools/index.js';

/** What a thread that unpacks an image's files is given. */
export interface UnpackInput {
  readonly source: TreeSource;
  readonly folder: string;
}

/** What it says. */
export type FromUnpack =
  | { readonly kind: 'progress'; readonly done: number; readonly total: number }
  | { readonly kind: 'done' }
  | { readonly kind: 'refused'; readonly refusal: Refusal };

/** Progress is worth a message this often, ms. */
const tellMs = 250;

/** Entry of the thread. Any message to it ends what it does. */
async function run({ source, folder }: UnpackInput, port: NonNullable<typeof parentPort>): Promise<void> {
  const abort = new AbortController();
  port.once('message', () => abort.abort());
  let toldAt = 0;
  const progress = (done: number, total: number): void => {
    if (done < total && Date.now() - toldAt < tellMs) return;
    toldAt = Date.now();
    port.postMessage({ kind: 'progress', done, total } satisfies FromUnpack);
  };
  const deps = { tools: createToolRunner(), openSource: openFileSource };
  try {
    await unpackTree(deps, source, folder, { signal: abort.signal, progress });
    port.postMessage({ kind: 'done' } satisfies FromUnpack);
  } catch (error) {
    if (!(error instanceof RefusedError)) throw error;
    port.postMessage({ kind: 'refused', refusal: error.refusal } satisfies FromUnpack);
  } finally {
    port.unref();
  }
}

if (parentPort !== null) await run(workerData as UnpackInput, parentPort);
