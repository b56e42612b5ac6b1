import { success, type Result } from '@drover/contract';
import type { JobContext, JobHandler } from '../jobs/handler.js';
import type { Clock } from '../ports.js';
import type { Store } from '../store/ports.js';
import type { BlobInfo, BlobStore } from './ports.js';

interface Deps {
  readonly store: Store;
  readonly blobs: BlobStore;
  readonly clock: Clock;
}

/** A blob that was stored or wanted again within this time may be named by something in a moment. */
export const graceMs = 3_600_000;
/** A file that no row knows was left by a crash between the two, or is of a job that still runs. */
export const orphanMs = 24 * 3_600_000;

const atOnce = 100;

interface Counts {
  collected: number;
  orphans: number;
  bytes: number;
}

/**
 * Deletes blobs that nothing names: first the row, in a transaction that looks again whether anything names it, then the file, unless it was put again
 * since. A crash between the two leaves a file without a row, which a later run finds.
 */
export const createCollectJob = (deps: Deps): JobHandler => ({
  kind: 'blob.collect',
  run: async (context): Promise<Result<Record<string, unknown>>> => {
    const counts: Counts = { collected: 0, orphans: 0, bytes: 0 };
    await collectUnreferenced(deps, context, counts);
    await collectOrphans(deps, context, counts);
    return success({ ...counts });
  },
});

const collectUnreferenced = async (deps: Deps, context: JobContext, counts: Counts): Promise<void> => {
  const before = deps.clock.now() - graceMs;
  const olderThan = new Date(before).toISOString();
  for (;;) {
    const found = await deps.store.read((tx) => tx.blobs.unreferenced(olderThan, atOnce));
    for (const blob of found) {
      context.signal.throwIfAborted();
      if (!(await forget(deps.store, blob, olderThan))) continue;
      if (await deps.blobs.delete(blob.digest, { unlessModifiedSince: before })) {
        counts.collected += 1;
        counts.bytes += blob.size;
      }
      context.progress({ step: 'collect', done: counts.collected, total: null, unit: 'blobs' });
    }
    if (found.length < atOnce) return;
  }
};

/** False when something names it now, or it was wanted again. */
const forget = async (store: Store, { digest }: BlobInfo, olderThan: string): Promise<boolean> =>
  store.transaction(async (tx) => {
    const blob = await tx.blobs.get(digest);
    if (blob === undefined || blob.createdAt >= olderThan || (await tx.blobs.isReferenced(digest))) return false;
    await tx.blobs.forget(digest);
    return true;
  });

const collectOrphans = async (deps: Deps, context: JobContext, counts: Counts): Promise<void> => {
  const before = deps.clock.now() - orphanMs;
  for await (const blob of deps.blobs.list()) {
    context.signal.throwIfAborted();
    if (blob.modifiedAt >= before) continue;
    const known = await deps.store.read(
      async (tx) => (await tx.blobs.get(blob.digest)) !== undefined || (await tx.blobs.isReferenced(blob.digest)),
    );
    if (known || !(await deps.blobs.delete(blob.digest, { unlessModifiedSince: before }))) continue;
    counts.orphans += 1;
    counts.bytes += blob.size;
    context.progress({ step: 'orphans', done: counts.orphans, total: null, unit: 'blobs' });
  }
};
