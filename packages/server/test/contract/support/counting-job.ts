import { setTimeout as sleep } from 'node:timers/promises';
import { success } from '@drover/contract';
import type { JobHandler } from '../../../src/app/jobs/handler.js';
import type { Store } from '../../../src/app/store/ports.js';

export const countTo = 40;

/** A job of many steps, each idempotent, with a checkpoint after each. */
export const countingJob = (store: Store): JobHandler => ({
  kind: 'blob.verify',
  run: async (context) => {
    const from = Number(context.checkpoint['done'] ?? 0);
    for (let step = from + 1; step <= countTo; step += 1) {
      await store.transaction((tx) => tx.settings.putIfAbsent(`step-${step}`, 'done'));
      await sleep(10, undefined, { signal: context.signal });
      await context.saveCheckpoint({ done: step });
    }
    return success({ from });
  },
});
