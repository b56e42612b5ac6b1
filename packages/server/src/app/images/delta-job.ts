import { refusal, success, type Result } from '@drover/contract';
import type { BlobStore } from '../blobs/ports.js';
import type { JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store, Transaction } from '../store/ports.js';
import { deltaRow, deltaTo } from './deltas.js';
import type { DeltaMaker, Derivative } from './ports.js';

export interface DeltaJobDeps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly maker: DeltaMaker;
  readonly clock: Clock;
}

/** Of the root: a larger delta is not worth the time a board takes to put it together. */
const mostOfRoot = 0.5;

interface Input {
  readonly image: string;
  readonly from: string;
  readonly to: string;
}

const inputOf = ({ input }: Pick<JobContext, 'input'>): Input => ({
  image: String(input['image']),
  from: String(input['from']),
  to: String(input['to']),
});

/** The root that was asked for, if the image still has that one. */
const rootOf = async (tx: Transaction, { image, to }: Input): Promise<Derivative | undefined> =>
  (await tx.images.derivatives(image)).find(({ kind, blob }) => kind === 'root-squashfs' && blob === to);

const resultOf = (made: Derivative, { from, to }: Input): Record<string, unknown> => ({
  ...{ image: made.image, from, to },
  ...(made.blob === to ? { worth: false } : { worth: true, digest: made.blob, size: made.size }),
});

/** Makes what turns one packed root into another, for boards that have the one and are to get the other. */
export function createDeltaJob(deps: DeltaJobDeps): JobHandler {
  const { store, blobs, maker, clock } = deps;
  const run = async (context: JobContext): Promise<Result<Record<string, unknown>>> => {
    const input = inputOf(context);
    const root = await store.read((tx) => rootOf(tx, input));
    const [old, next] = [blobs.localPath(input.from), blobs.localPath(input.to)];
    if (old === undefined || next === undefined) throw new Error('the blob store is not local');
    if (root === undefined || (await blobs.stat(input.from)) === undefined)
      return refusal('image.not-found', 'One of both roots was deleted.');
    // A crash may have come between the last commit and the end of the job.
    const before = await store.read((tx) => deltaTo(tx, root, input.from));
    if (before !== undefined) return success(resultOf(before, input));
    const limit = Math.floor(root.size * mostOfRoot);
    const delta = await maker.make({ old, next }, (bytes) => blobs.put(bytes, { signal: context.signal }), {
      ...{ limit, signal: context.signal },
      progress: (done, total) => context.progress({ step: 'compare', done, total, unit: 'bytes' }),
    });
    const at = new Date(clock.now()).toISOString();
    const made = deltaRow(root, input.from, delta, at);
    await store.transaction(async (tx) => {
      if ((await rootOf(tx, input)) === undefined) return;
      if (delta !== undefined) await tx.blobs.record(delta, at);
      await tx.images.saveDerivative(made);
    });
    return success(resultOf(made, input));
  };
  // What kept it from being made may pass, so nothing is noted: whoever asks later has it tried again (deltas.ts).
  const unwind: JobHandler['unwind'] = async (tx, context) => {
    const input = inputOf(context);
    const root = await rootOf(tx, input);
    if (root === undefined) return undefined;
    const before = await deltaTo(tx, root, input.from);
    return before === undefined ? undefined : resultOf(before, input);
  };
  return { kind: 'image.delta', run, unwind };
}
