import { ImageError } from '../errors.js';
import type { Allocator } from './allocator.js';
import { encodeL2, hostOf, sectorSize, type Mapping } from './format.js';
import type { Grace } from './grace.js';
import type { Layout } from './layout.js';
import type { Pending } from './pending.js';
import { countsPerSector, encodeRefcounts } from './refcounts.js';
import type { Session } from './session.js';
import type { Tables } from './tables.js';
import type { BlockFile } from './types.js';
import { copyOf } from './view.js';

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
  wrote(): void;
  /** Writes reference counts that have changed. They need no order of their own, because only clusters that nothing uses have lost theirs. */
  writeCounts(): Promise<void>;
  /** Syncs the file. When that fails nobody knows what is durable: no later change is accepted. */
  sync(): Promise<void>;
  /** Why no change is accepted any more. */
  readonly failure: ImageError | undefined;
}

export function createCheckpointer(deps: CheckpointDeps): Checkpointer {
  const { file, layout, tables, pending, allocator, grace } = deps;
  const { geometry } = layout;
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

  const writeCounts = async (): Promise<void> => {
    const perSector = countsPerSector(geometry);
    const sectors = allocator.takeDirtySectors();
    try {
      await Promise.all(
        sectors.map(async (sector) => {
          const first = sector * perSector;
          const block = layout.refcountTable[Math.floor(first / geometry.refcountEntries)] ?? 0;
          if (block === 0) {
            // It is about to be added, or a resize failed to add it and nothing uses the clusters.
            allocator.putDirtySectors([sector]);
            return;
          }
          const within = ((first % geometry.refcountEntries) / perSector) * sectorSize;
          const bytes = encodeRefcounts(allocator.counted, first, perSector, geometry);
          await file.write(block * geometry.clusterSize + within, bytes);
        }),
      );
    } catch (error) {
      allocator.putDirtySectors(sectors);
      throw error;
    }
  };

  const byPage = (mappings: ReadonlyMap<number, Mapping>): Map<number, [number, Mapping][]> => {
    const pages = new Map<number, [number, Mapping][]>();
    for (const entry of mappings) {
      const page = Math.floor(entry[0] / geometry.sliceEntries);
      const there = pages.get(page);
      if (there === undefined) pages.set(page, [entry]);
      else there.push(entry);
    }
    return pages;
  };

  /** Changes pages in memory, where look-ups find them at once. Returns them in the order of the file. */
  const changePages = async (mappings: ReadonlyMap<number, Mapping>): Promise<[number, Buffer][]> => {
    const changed: [number, Buffer][] = [];
    for (const [page, entries] of byPage(mappings)) {
      const bytes = copyOf(await tables.page(page));
      for (const [cluster, mapping] of entries) {
        encodeL2(bytes, cluster % geometry.sliceEntries, mapping, geometry.clusterSize);
      }
      tables.pin(page, bytes);
      changed.push([page, bytes]);
    }
    return changed.sort(([a], [b]) => tables.offsetOf(a) - tables.offsetOf(b));
  };

  /** Pages side by side are written as one. */
  const writePages = async (pages: readonly [number, Buffer][]): Promise<void> => {
    const writes: Promise<void>[] = [];
    for (let at = 0; at < pages.length;) {
      const start = tables.offsetOf((pages[at] as [number, Buffer])[0]);
      const bytes: Buffer[] = [];
      for (let next = pages[at]; next !== undefined; next = pages[at]) {
        if (tables.offsetOf(next[0]) !== start + bytes.length * geometry.sliceSize) break;
        bytes.push(next[1]);
        at += 1;
      }
      writes.push(file.write(start, bytes));
    }
    await Promise.all(writes);
  };

  const commit = async (mappings: ReadonlyMap<number, Mapping>): Promise<void> => {
    allocator.count([...mappings.values()].map(hostOf).filter((host) => host !== 0));
    await writeCounts();
    await sync();
    const pages = await changePages(mappings);
    if (pages.length > 0) {
      await writePages(pages);
      await sync();
    }
    for (const [page] of pages) tables.unpin(page);
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
    wrote: () => (written += 1),
    writeCounts,
    sync,
    get failure() {
      return failure;
    },
  };
}
