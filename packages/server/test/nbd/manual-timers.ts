import type { Timers } from '../../src/listeners/nbd/index.js';

/** Time that passes when a test says so. */
export interface ManualTimers extends Timers {
  advance(ms: number): void;
}

export function manualTimers(): ManualTimers {
  const timers = new Set<{ due: number; readonly every?: number; run(): void }>();
  let now = 0;
  const add = (timer: { due: number; every?: number; run(): void }) => {
    timers.add(timer);
    return () => void timers.delete(timer);
  };
  return {
    now: () => now,
    after: (ms, run) => add({ due: now + ms, run }),
    every: (ms, run) => add({ due: now + ms, every: ms, run }),
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...timers].filter(({ due }) => due <= end).sort((a, b) => a.due - b.due)[0];
        if (!next) break;
        now = Math.max(now, next.due);
        if (next.every === undefined) timers.delete(next);
        else next.due += next.every;
        next.run();
      }
      now = end;
    },
  };
}
