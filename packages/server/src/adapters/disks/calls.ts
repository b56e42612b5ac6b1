/**
 * Calls of one open file. A descriptor must not be closed under a call that waits for its thread: its number would soon be that of another file,
 * and the call would go there.
 */
export interface Calls {
  /** Rejects with EBADF after `end`. */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** Takes no more calls, and resolves when none is under way. */
  end(): Promise<void>;
}

export function createCalls(path: string): Calls {
  let running = 0;
  let ended = false;
  let resolveEnd: (() => void) | undefined;

  const leave = (): void => {
    running -= 1;
    if (running === 0) resolveEnd?.();
  };

  return {
    run: async (call) => {
      if (ended) throw Object.assign(new Error(`${path} is closed`), { code: 'EBADF' });
      running += 1;
      try {
        return await call();
      } finally {
        leave();
      }
    },
    end: async () => {
      if (ended) throw Object.assign(new Error(`${path} is closed`), { code: 'EBADF' });
      ended = true;
      if (running > 0) await new Promise<void>((resolve) => (resolveEnd = resolve));
    },
  };
}
