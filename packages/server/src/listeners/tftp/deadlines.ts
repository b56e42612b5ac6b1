import type { Cancel, Timers } from '../udp/timers.js';

/** Something that wants to be told when it has waited long enough. */
export interface Waiting {
  /** When, in milliseconds of the timers' clock. May be moved at any time without telling anyone. */
  deadline: number;
  onDeadline(): void;
}

/**
 * One interval timer for all transfers. Every packet moves a deadline, and moving one is an assignment; a setTimeout
 * for each packet would cost more than the packet.
 */
export interface Deadlines {
  /** The clock, read once per tick: good enough to set a deadline, and free. */
  now(): number;
  add(waiting: Waiting): void;
  remove(waiting: Waiting): void;
  stop(): void;
}

/** Precision of time-outs in milliseconds. */
const tickMs = 100;

export function createDeadlines(timers: Timers, onTick: (now: number) => void): Deadlines {
  const waiting = new Set<Waiting>();
  let now = timers.now();
  const cancel: Cancel = timers.every(tickMs, () => {
    now = timers.now();
    for (const each of waiting) if (each.deadline <= now) each.onDeadline();
    onTick(now);
  });
  return {
    now: () => now,
    add: (each) => void waiting.add(each),
    remove: (each) => void waiting.delete(each),
    stop: cancel,
  };
}
