import { createBacklog } from './backlog.js';

/** One who looks at a console. Whoever reads slowly misses the middle, and costs no more memory than the limit. */
export interface Watcher {
  give(bytes: Uint8Array): void;
  end(): void;
  /** What was given, until {@link end} or the signal. */
  read(signal: AbortSignal): AsyncGenerator<Uint8Array>;
}

export function createWatcher(limit: number): Watcher {
  const waiting = createBacklog(limit);
  let missed = 0;
  let isOver = false;
  let wake: () => void = () => undefined;

  return {
    give: (bytes) => {
      missed += Math.max(0, waiting.length + bytes.length - limit);
      waiting.add(bytes);
      wake();
    },
    end: () => {
      isOver = true;
      wake();
    },
    read: async function* (signal) {
      const onAbort = (): void => wake();
      signal.addEventListener('abort', onAbort, { once: true });
      try {
        while (!signal.aborted) {
          if (missed > 0)
            yield Buffer.from(`\r\n[drover: ${missed} bytes left out: they came faster than they were read]\r\n`);
          missed = 0;
          const bytes = waiting.read();
          waiting.clear();
          if (bytes.length > 0) yield bytes;
          else if (isOver) return;
          else
            await new Promise<void>((resolve) => {
              wake = resolve;
              if (signal.aborted || isOver || waiting.length > 0) resolve();
            });
        }
      } finally {
        signal.removeEventListener('abort', onAbort);
      }
    },
  };
}
