import { deltaSize, encodeDelta, planDelta, type RandomAccess } from '@drover/disk-image';
import type { DeltaMaker } from '../../app/images/ports.js';

export interface DeltaMakerDeps {
  openSource(path: string): Promise<RandomAccess & { close(): Promise<void> }>;
}

/** Makes deltas in this process, in pieces between which others have their turn. */
export const createDeltaMaker = (deps: DeltaMakerDeps): DeltaMaker => ({
  make: async (files, store, options) => {
    const old = await deps.openSource(files.old);
    try {
      const next = await deps.openSource(files.next);
      try {
        const total = old.size + next.size;
        const plan = await planDelta(old, next, {
          signal: options.signal,
          onProgress: (done) => options.progress(done, total),
        });
        options.progress(total, total);
        return deltaSize(plan) > options.limit ? undefined : await store(encodeDelta(plan, next));
      } finally {
        await next.close();
      }
    } finally {
      await old.close();
    }
  },
});
