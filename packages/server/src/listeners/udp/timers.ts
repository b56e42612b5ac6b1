/** Undoes a timer; harmless when it has fired. */
export type Cancel = () => void;

/** Time as the listeners see it: milliseconds of a clock that never goes back. Tests hand in their own. */
export interface Timers {
  now(): number;
  after(ms: number, run: () => void): Cancel;
  every(ms: number, run: () => void): Cancel;
}

/** The process's own clock and timers. They do not keep the process alive: sockets do. */
export const systemTimers: Timers = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms).unref();
    return () => clearTimeout(timer);
  },
  every: (ms, run) => {
    const timer = setInterval(run, ms).unref();
    return () => clearInterval(timer);
  },
};
