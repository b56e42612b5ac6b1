import { ImageError } from '../errors.js';
import type { Allocator } from './allocator.js';
import { createCountWriter } from './count-writer.js';
import { hostOf, type Mapping } from './format.js';
import type { Grace } from './grace.js';
import type { Layout } from './layout.js';
import { createPageWriter } from './page-writer.js';
import type { Pending } from './pending.js';
import type { Session } from './session.js';
import type { Tables } from './tables.js';
import type { BlockFile } from './types.js';

export interface CheckpointDeps {
  file: BlockFile;
  layout: Layout;
  tables: Tables;
  pending: Pending;
  allocator: Allocator;
  grace: Grace;
  session: () => Session;
}

/**
 * Makes things durable, in this order: data with the reference counts of its clusters; sync; tables that point to it; sync. Only then may
 * clusters that were freed be used again. A power cut in between leaves clusters that are counted and not used, which is harmless.
 */
export interface Checkpointer {
  /** Resolves when everything that was written before the call is durable. Callers that come together share one checkpoint. */
  readonly flush: () => Promise<void>;
  /** Something was written to the file. */
  readonly wrote: () => void;
  /** As `CountWriter.write`. */
  readonly writeCounts: () => Promise<void>;
  /** Syncs the file. When that fails nobody knows what is durable: no later change is accepted. */
  sync(): Promise<void>;
  /** Why no change is accepted any more. */
  readonly failure: ImageError | undefined;
}

export function createCheckpointer(deps: CheckpointDeps): Checkpointer {
  const { file, layout, tables, pending, allocator, grace } = deps;
  const counts = createCountWriter({ file, layout, allocator });
  const pageWriter = createPageWriter(file, tables, layout.geometry);
  let failure: ImageError | undefined;
  // A process that was killed may have left something in the page cache that the first flush has to make durable.
  let [written, synced] = [1, 0];
  let running: Promise<void> | undefined;
  /** The run after the one under way, and what begins it. */
  let queued: Promise<void> | undefined;
  let beginQueued: (() => void) | undefined;

  const fail = (cause: unknown): ImageError => {
    if (failure !== undefined) return failure;
    failure = new ImageError('image.qcow2.failed', 'The file system could not make the disk durable', {
      cause,
      remedy: 'Look for errors of the drive in the log of the kernel, then detach the disk and attach it again.',
    });
    deps
      .session()
      .abandon()
      .catch(() => undefined);
    return failure;
  };

  const sync = async (): Promise<void> => {
    if (failure !== undefined) throw failure;
    try {
      await file.datasync();
    } catch (cause) {
      throw fail(cause);
    }
  };

  const commit = async (mappings: ReadonlyMap<number, Mapping>): Promise<void> => {
    allocator.count([...mappings.values()].map(hostOf).filter((host) => host !== 0));
    await counts.write();
    await sync();
    const pages = await pageWriter.change(mappings);
    if (pages.length > 0) {
      await pageWriter.write(pages);
      await sync();
    }
    for (const { page } of pages) tables.unpin(page);
    pending.commit();
    if (!(await deps.session().checkpointed())) return;
    const freed = pending.takeFreed();
    if (freed.length > 0) grace.afterReads(() => allocator.release(freed));
  };

  const run = async (): Promise<void> => {
    // What an earlier run could not bring to its end.
    if (pending.committing !== undefined) await commit(pending.committing);
    const upTo = written;
    if (pending.size > 0 || deps.session().isBroken) {
      pending.take();
      deps.session().nextGeneration();
      await commit(pending.committing as ReadonlyMap<number, Mapping>);
    } else await sync();
    synced = Math.max(synced, upTo);
  };

  const start = (): Promise<void> => {
    // The next one begins in the same turn, so that nobody who comes in between is taken for one who was early enough for it.
    running = run().finally(() => {
      running = undefined;
      beginQueued?.();
    });
    return running;
  };

  const queue = (): Promise<void> =>
    new Promise((resolve) => {
      beginQueued = () => {
        [queued, beginQueued] = [undefined, undefined];
        resolve(start());
      };
    });

  const isClean = (): boolean =>
    written === synced && pending.size === 0 && pending.committing === undefined && !deps.session().isBroken;

  return {
    flush: async () => {
      if (failure !== undefined) throw failure;
      if (running === undefined) return isClean() ? undefined : start();
      // The one under way may have begun too early for this caller.
      queued ??= queue();
      return queued;
    },
    wrote: () => {
      written += 1;
    },
    writeCounts: counts.write,
    sync,
    get failure() {
      return failure;
    },
  };
}
