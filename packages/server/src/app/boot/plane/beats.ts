import type { BeatAnswer, BeatForm } from '@drover/contract';
import type { Clock } from '../../ports.js';
import type { Telemetry } from '../ports.js';
import type { Granted } from './device-api.js';

interface Deps {
  readonly clock: Clock;
  readonly push: (item: Telemetry) => void;
  readonly everySeconds: number;
}

/** Heartbeats as boards send them, for the control plane. */
export interface Beats {
  /** Of a session whose credential was proved. */
  take(session: string, form: BeatForm): Granted<BeatAnswer>;
}

/** A board has no reason to come again sooner. */
const leastGapMs = 5_000;
/** Sessions that are kept in mind; the one heard longest ago goes first. */
const most = 20_000;

export function createBeats({ clock, push, everySeconds }: Deps): Beats {
  /** When each session was heard last. Insertion order is order of hearing. */
  const heard = new Map<string, number>();

  const isTooSoon = (session: string, now: number): boolean => now - (heard.get(session) ?? -Infinity) < leastGapMs;

  const remember = (session: string, now: number): void => {
    heard.delete(session);
    heard.set(session, now);
    if (heard.size > most) heard.delete(heard.keys().next().value!);
  };

  return {
    take: (session, { health, checks, uptime, image, root, offline }) => {
      const now = clock.now();
      if (isTooSoon(session, now)) {
        return { kind: 'not-ready', retryAfter: leastGapMs / 1000, reason: 'the last one came a moment ago' };
      }
      remember(session, now);
      const beat = { health, checks, uptimeSeconds: uptime, image: image || null, root: root || null, offline };
      push({ kind: 'beat', session, at: new Date(now).toISOString(), beat });
      return { kind: 'granted', value: { every: everySeconds } };
    },
  };
}
