import type { Clock } from '../../ports.js';
import type { Telemetry } from '../ports.js';

interface Deps {
  readonly clock: Clock;
  readonly push: (item: Telemetry) => void;
}

/** Signs of life of boards that are up, for the control plane: what they ask without end, and what they read of their disks. */
export interface Signs {
  /** The board of that session did something just now; it has proved which it is. */
  heard(session: string): void;
}

/** A board is told of at most this often: thousands of them ask, and read far more often than that. */
export const signEveryMs = 10_000;
/** Sessions that are kept in mind; the one told of longest ago goes first. */
const most = 20_000;

export function createSigns({ clock, push }: Deps): Signs {
  /** When each session was told of last. Insertion order is order of telling. */
  const told = new Map<string, number>();
  return {
    heard: (session) => {
      const now = clock.now();
      if (now - (told.get(session) ?? -Infinity) < signEveryMs) return;
      told.delete(session);
      told.set(session, now);
      if (told.size > most) told.delete(told.keys().next().value!);
      push({ kind: 'heard', session, at: new Date(now).toISOString() });
    },
  };
}
