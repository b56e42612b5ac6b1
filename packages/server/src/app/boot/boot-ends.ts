import type { SessionOutcome } from '@drover/contract';
import { openedAtOf } from '../../domain/boot-credential.js';
import type { TimelineFeed } from './ports.js';

export interface BootEnd {
  readonly outcome: SessionOutcome;
  /** From its first sign to its report, of one that came up. */
  readonly upSeconds: number | undefined;
}

/** Tells of each boot that ends, as it is stored. Gives what ends that. */
export const watchBootEnds = (feed: Pick<TimelineFeed, 'subscribe'>, told: (end: BootEnd) => void): (() => void) =>
  feed.subscribe((session, _device, _tenant, items) => {
    for (const { entry } of items) {
      if (entry.type !== 'session.ended') continue;
      const openedAt = openedAtOf(session);
      const ms = openedAt === undefined ? undefined : Math.max(0, Date.parse(entry.at) - openedAt);
      told({
        outcome: entry.outcome,
        upSeconds: entry.outcome === 'up' && ms !== undefined ? ms / 1000 : undefined,
      });
    }
  });
