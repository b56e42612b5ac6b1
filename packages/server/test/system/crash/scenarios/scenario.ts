import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../random.js';
import { hasDisk } from '../storage.js';
import type { World } from '../world.js';

export interface Moment {
  /** Counts from 1 over the whole run; alone it gives the same draws again. */
  readonly number: number;
  readonly random: Random;
  readonly world: World;
  /** Said when the moment fails. */
  readonly note: (text: string) => void;
}

/** Goes through one kill at a random moment and brings everything to its end; throws what is wrong. */
export type Scenario = (moment: Moment) => Promise<void>;

/** A time within work that usually takes `usualMs`, and now and then a little later. */
export const momentIn = (random: Random, usualMs: number): number => random.whole(0, Math.round(usualMs * 1.15));

/** So often a moment is drawn around the end of an import, where its blobs are there and the database does not know it yet. */
const endShare = 0.4;
/** For the disk to appear; one of an import that is refused never does. */
const longestWaitMs = 5000;

/** When to strike in an import: anywhere in it, or just after its disk became a blob. Resolves then. */
export const strikeIn = ({ random, world, note }: Moment, disk: string): (() => Promise<void>) => {
  const atEnd = random.share() < endShare;
  const delay = atEnd ? random.whole(0, 60) : momentIn(random, world.usual.importing);
  note(atEnd ? `${delay} ms after the disk is stored` : `${delay} ms into the import`);
  if (!atEnd) return () => sleep(delay);
  return async () => {
    const giveUpAt = Date.now() + longestWaitMs;
    while (!(await hasDisk(world.house, disk)) && Date.now() < giveUpAt) await sleep(1);
    await sleep(delay);
  };
};
