/** A re-armable one-shot timer. */
export interface Timer {
  /** Starts the wait again from now. */
  refresh(): void;
  cancel(): void;
}

/** Time as a board sees it: milliseconds of board time, which a test may run faster than the wall clock. */
export interface Clock {
  /** Milliseconds of wall time since an arbitrary start; for measuring, never scaled. */
  now(): number;
  /** Wall milliseconds as the board would have counted them. */
  boardTime(wallMs: number): number;
  /** Calls `run` after `ms` of board time. */
  timer(ms: number, run: () => void): Timer;
  /** Resolves after `ms` of board time, or rejects with the signal's reason. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

const createTimer = (ms: number, run: () => void): Timer => {
  const handle = setTimeout(run, ms);
  return { refresh: () => handle.refresh(), cancel: () => clearTimeout(handle) };
};

const sleep = (ms: number, signal?: AbortSignal): Promise<void> =>
  new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(abortReason(signal));
    const onAbort = (): void => {
      clearTimeout(handle);
      reject(abortReason(signal));
    };
    const handle = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });

/** The reason a signal was aborted with, always an Error. */
export const abortReason = (signal: AbortSignal | undefined): Error =>
  signal?.reason instanceof Error ? signal.reason : new Error('the board was switched off');

/**
 * A clock whose waits last `scale` times the real board's: 1 keeps the firmware's own retry clocks, 0.05 runs them twenty times faster.
 * @throws RangeError when scale is not a positive number.
 */
export const createClock = (scale = 1): Clock => {
  if (!(scale > 0)) throw new RangeError(`clockScale must be a positive number, not ${scale}`);
  return {
    now: () => performance.now(),
    boardTime: (wallMs) => wallMs / scale,
    timer: (ms, run) => createTimer(ms * scale, run),
    sleep: (ms, signal) => sleep(ms * scale, signal),
  };
};
