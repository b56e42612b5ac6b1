import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface ProcessFigures {
  /** Resident memory in bytes, and the longest the event loop was held up since it was read last, in ms. */
  read(): { readonly residentBytes: number; readonly loopDelayMs: number };
  close(): void;
}

/** Precision of the delay in ms. Each wakes an idle process, so there are few. */
const resolutionMs = 100;

/** How this process does. */
export const createProcessFigures = (): ProcessFigures => {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  return {
    read: () => {
      // What is measured is the time between two ticks of a timer: the delay is what is more than the timer's own.
      const loopDelayMs = delay.count === 0 ? 0 : Math.max(0, delay.max / 1e6 - resolutionMs);
      delay.reset();
      return { residentBytes: process.memoryUsage.rss(), loopDelayMs };
    },
    close: () => {
      delay.disable();
    },
  };
};
