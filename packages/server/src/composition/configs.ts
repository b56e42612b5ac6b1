import { createCardBindings, type CardBindings } from '../app/configs/bindings.js';
import { createCardCache } from '../app/configs/card-cache.js';
import { createCards, type Cards } from '../app/configs/cards.js';
import { createBootLayers, type BootLayers } from '../app/configs/layers.js';
import { createTracks, type Tracks } from '../app/configs/tracks.js';
import type { Clock, Ids, Log } from '../app/ports.js';
import type { Authentication } from '../app/tenants/authentication.js';
import type { Storage } from './storage.js';

export interface ConfigWork {
  readonly bootLayers: BootLayers;
  readonly cardBindings: CardBindings;
  readonly cards: Cards;
  readonly tracks: Tracks;
}

/** Boot configs, and what cards of CattlePi get and say. */
export const createConfigWork = (
  { store, blobs }: Pick<Storage, 'store' | 'blobs'>,
  deps: {
    readonly clock: Clock;
    readonly ids: Ids;
    readonly log: Log;
    readonly endOfKey: Authentication['endOfKey'];
    readonly defaultTenant: string;
  },
): ConfigWork => {
  const { clock, ids, log, endOfKey, defaultTenant } = deps;
  const tracks = createTracks({ store, clock, log });
  const cache = createCardCache({ feed: store.events, clock, endOfKey });
  return {
    bootLayers: createBootLayers({ store, clock, ids, defaultTenant }),
    cardBindings: createCardBindings({ store, clock }),
    cards: createCards({ store, blobs, cache, tracks, clock, ids, endOfKey, defaultTenant }),
    tracks,
  };
};
