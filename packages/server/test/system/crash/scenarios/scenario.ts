import type { Random } from '../random.js';
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
