/**
 * Calls of one open file. A descriptor must not be closed under a call that waits for its thread: its number would soon be that of another file,
 * and the call would go there.
 */
export interface Calls {
  /** Rejects with EBADF after `end`. */
  run<T>(call: () => Promise<T>): Promise<T>;
  /** `end` was called. */
  readonly isOver: boolean;
  /** Takes no more calls, and resolves when none is under way. */
  end(): Promise<void>;
}

/** A call that throws counts as one that rejects. */
function begin<T>(call: () => Promise<T>): Promise<T> {
  try {
    return call();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
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
    // Without `async` and `finally`: all that disks read and write passes here, and they cost three promises more.
    run: (call) => {
      if (ended) return Promise.reject(Object.assign(new Error(`${path} is closed`), { code: 'EBADF' }));
      running += 1;
      return begin(call).then(
        (value) => {
          leave();
          return value;
        },
        (error: unknown) => {
          leave();
          throw error;
        },
      );
    },
    get isOver() {
      return ended;
    },
    end: async () => {
      if (ended) throw Object.assign(new Error(`${path} is closed`), { code: 'EBADF' });
      ended = true;
      if (running > 0) await new Promise<void>((resolve) => (resolveEnd = resolve));
    },
  };
}
