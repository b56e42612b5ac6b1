import type { NewEntry } from '../../boot/plane/ports.js';
import type { Log } from '../../ports.js';
import type { DiskPool, RootGrowth } from '../pool.js';

export interface RootGrowthDeps {
  readonly pool: Pick<DiskPool, 'growRoot'>;
  /** Puts an entry on the timeline of a session. */
  readonly note: (session: string, entry: NewEntry) => void;
  readonly log: Log;
}

/**
 * Has the root's partition fill its disk before a board begins to read it, and tells the timeline. Whoever else has the disk open is the board's boot before,
 * which is over. A board boots as well from a disk that did not grow.
 */
export const createRootGrowth =
  ({ pool, note, log }: RootGrowthDeps) =>
  async (disk: string, session: string): Promise<void> => {
    try {
      const entry = entryOf(disk, await pool.growRoot(disk, { evenInUse: true }));
      if (entry !== undefined) note(session, entry);
    } catch (error) {
      log.error({ err: error, disk }, 'the partition of a root disk could not be grown');
    }
  };

function entryOf(disk: string, growth: RootGrowth): NewEntry | undefined {
  switch (growth.kind) {
    case 'grown': {
      const { partition, before, after } = growth;
      return { type: 'disk.grown', disk, partition, before, after };
    }
    case 'blocked':
      return { type: 'disk.not-grown', disk, partition: growth.partition, reason: growth.why };
    case 'none':
    case 'later':
      return undefined;
  }
}
