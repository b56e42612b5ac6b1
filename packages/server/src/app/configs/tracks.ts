import type { Clock, Log, Service } from '../ports.js';
import type { Store } from '../store/ports.js';
import { bootGet, createMicros, trackKeptMs, trackLine } from '../../domain/card-track.js';
import type { TrackChunk, TrackLimits } from './ports.js';

const limits: TrackLimits = { lines: 5000, cards: 10_000 };
const flushMs = 1000;
/** Lines that wait to be written: what comes on top while the database is away is lost. */
const mostPending = 200_000;

/** One card of one key. */
export interface TrackedCard {
  readonly key: string;
  readonly card: string;
}

/**
 * What cards did and said, in lines. Telemetry: written once a second, so that a crash may cost the last of it; who reads here sees all that came here. Lines
 * only come on top; the oldest go when there are too many.
 */
export interface Tracks extends Service {
  /** Notes a line, now. `card` is kept as the key of what waits, so give the same object for the same card where many come. */
  readonly note: (card: TrackedCard, text: string) => void;
  /** Ids seen in the last three months. */
  readonly cards: (key: string) => Promise<string[]>;
  /** Oldest first. */
  readonly lines: (card: TrackedCard) => Promise<string[]>;
  readonly prune: () => Promise<number>;
}

/** Moments of one card, and what was noted then; most of it is that it fetched its config. */
interface Pending {
  readonly of: TrackedCard;
  readonly moments: number[];
  readonly texts: Map<number, string>;
}

export const createTracks = (deps: { readonly store: Store; readonly clock: Clock; readonly log: Log }): Tracks => {
  const { store, clock, log } = deps;
  const micros = createMicros(() => clock.now());
  let pending = new Map<TrackedCard, Pending>();
  let count = 0;
  let lost = 0;
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> = Promise.resolve();

  const chunkOf = ({ of, moments, texts }: Pending): TrackChunk => ({
    ...{ key: of.key, card: of.card, at: moments.at(-1) ?? 0 },
    lines: moments.map((at) => trackLine(at, texts.get(at) ?? bootGet)),
  });

  /** Before what came meanwhile; what is too much is lost, the oldest first. */
  const putBack = ({ of, moments, texts }: Pending): void => {
    const kept = moments.slice(Math.max(0, count + moments.length - mostPending));
    lost += moments.length - kept.length;
    count += kept.length;
    const newer = pending.get(of);
    const all = new Map([...texts, ...(newer?.texts ?? [])]);
    pending.set(of, { of, moments: [...kept, ...(newer?.moments ?? [])], texts: all });
  };

  const write = async (): Promise<void> => {
    if (count === 0) return;
    const taken = pending;
    const lines = count;
    pending = new Map();
    count = 0;
    try {
      await store.transaction((tx) => tx.tracks.append(merged([...taken.values()].map(chunkOf)), limits));
    } catch (error) {
      log.warn({ err: error, lines }, 'what cards did could not be written down; tried again in a second');
      for (const each of taken.values()) putBack(each);
      return;
    }
    if (lost > 0) log.warn({ lines: lost }, 'cards did more than could be written down');
    lost = 0;
  };
  /** One write after the other, so that the lines of a card stay in order. */
  const flush = (): Promise<void> => {
    writing = writing.then(write);
    return writing;
  };

  return {
    note: (card, text) => {
      if (count >= mostPending) {
        lost += 1;
        return;
      }
      count += 1;
      let own = pending.get(card);
      if (own === undefined) {
        own = { of: card, moments: [], texts: new Map() };
        pending.set(card, own);
      }
      const at = micros();
      own.moments.push(at);
      if (text !== bootGet) own.texts.set(at, text);
    },
    cards: async (key) => {
      await flush();
      return store.read((tx) => tx.tracks.cards(key, (clock.now() - trackKeptMs) * 1000));
    },
    lines: async ({ key, card }) => {
      await flush();
      return store.read((tx) => tx.tracks.lines(key, card));
    },
    prune: () => store.transaction((tx) => tx.tracks.prune((clock.now() - trackKeptMs) * 1000)),
    start: async () => {
      timer = setInterval(() => void flush(), flushMs);
    },
    stop: async () => {
      clearInterval(timer);
      await flush();
    },
  };
};

/** One chunk for each card, though different objects may have stood for it. */
const merged = (chunks: readonly TrackChunk[]): TrackChunk[] => {
  const found = new Map<string, TrackChunk>();
  for (const chunk of chunks) {
    const name = `${chunk.key}/${chunk.card}`;
    const known = found.get(name);
    const lines = known === undefined ? chunk.lines : [...known.lines, ...chunk.lines].sort();
    found.set(name, { ...chunk, at: Math.max(chunk.at, known?.at ?? 0), lines });
  }
  return [...found.values()];
};
