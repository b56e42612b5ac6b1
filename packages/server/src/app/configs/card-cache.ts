import type { Principal } from '@drover/contract';
import type { EventFeed, StoredEvent } from '../events/ports.js';
import type { Clock } from '../ports.js';
import type { TrackedCard } from './tracks.js';

/** A config as a card gets it. */
export interface CardBytes {
  readonly body: Buffer;
  /** Of these bytes. */
  readonly etag: string;
}

export interface CardConfig {
  /** For what the card does. */
  readonly card: TrackedCard;
  /** `base`: address of this server as the card reaches it. The same bytes until something changes. */
  readonly bytes: (base: string) => CardBytes;
  /** Size of the document, roughly. */
  readonly size: number;
}

/** How long a key is trusted without a look at the store, which also notes that it is used. One that is used on is looked at after half of that. */
const trustedMs = 30_000;
const mostBytes = 64 * 2 ** 20;
const mostKeys = 10_000;

/** Changes that may reach a card's config. */
const concerns = /^(boot-config\.|image\.|build\.|device\.(registered|adopted|updated|deleted|conflict|discovered)$)/;

interface KnownKey {
  readonly tenant: string | null;
  readonly configs: Map<string, CardConfig>;
  until: number;
  /** When to look again. */
  stale: number;
}

/** When a key that is a way in ends; undefined: it is none. */
export type EndOfKey = (key: string) => Promise<{ readonly expiresAt: string | null } | undefined>;

/**
 * Configs of cards, so that a card that asks again costs no query. What this server committed counts at once: while an event of it has not come round, nothing
 * is taken from here. What another server on the same database committed counts when its event comes, which is told at once.
 */
export interface CardCache {
  readonly find: (key: string, card: string) => CardConfig | undefined;
  /** To be taken before reading the store, for {@link put}; undefined: what is read now is not to be kept. */
  readonly ticket: () => number | undefined;
  /** Keeps what was read since the ticket was taken, unless something changed meanwhile. */
  readonly put: (ticket: number, key: KeyGiven, card: string, config: CardConfig) => void;
  readonly stop: () => void;
}

export interface KeyGiven {
  readonly key: string;
  readonly principal: Principal;
  readonly expiresAt: string | null;
}

export const createCardCache = (deps: {
  readonly feed: EventFeed;
  readonly clock: Clock;
  readonly endOfKey: EndOfKey;
}): CardCache => {
  const { feed, clock, endOfKey } = deps;
  const keys = new Map<string, KnownKey>();
  let generation = 0;
  let bytes = 0;

  const clear = (): void => {
    keys.clear();
    bytes = 0;
  };
  const onEvent = ({ type, tenant }: StoredEvent): void => {
    const isOfKeys = type === 'key.revoked';
    if (!isOfKeys && !concerns.test(type)) return;
    generation += 1;
    if (isOfKeys || tenant === null) {
      clear();
      return;
    }
    // Keys of the installation act for a tenant that they do not name.
    for (const [key, known] of keys) if (known.tenant === tenant || known.tenant === null) forget(key, known);
  };
  const forget = (key: string, known: KnownKey): void => {
    for (const { size } of known.configs.values()) bytes -= size;
    keys.delete(key);
  };
  const unsubscribe = feed.subscribe(onEvent);

  const trust = (known: KnownKey, since: number, expiresAt: string | null): void => {
    known.until = Math.min(since + trustedMs, expiresAt === null ? Infinity : Date.parse(expiresAt));
    known.stale = since + trustedMs / 2;
  };
  /** Trusts a key that is used further on. One that is not told to be a way in is trusted no longer than it was: what is wrong with it the long way tells. */
  const renew = async (key: string, known: KnownKey, now: number): Promise<void> => {
    known.stale = known.until;
    const ends = await endOfKey(key).catch(() => undefined);
    if (ends !== undefined) trust(known, now, ends.expiresAt);
  };

  const knownKey = ({ key, principal, expiresAt }: KeyGiven): KnownKey => {
    const known = keys.get(key) ?? {
      tenant: principal.tenant,
      configs: new Map<string, CardConfig>(),
      until: 0,
      stale: 0,
    };
    trust(known, clock.now(), expiresAt);
    keys.set(key, known);
    return known;
  };

  return {
    find: (key, card) => {
      const known = keys.get(key);
      const now = clock.now();
      if (known === undefined || !feed.isCurrent() || known.until <= now) return undefined;
      if (known.stale <= now) void renew(key, known, now);
      return known.configs.get(card);
    },
    ticket: () => (feed.isCurrent() ? generation : undefined),
    put: (ticket, given, card, config) => {
      if (ticket !== generation) return;
      if (bytes > mostBytes || keys.size > mostKeys) clear();
      const { configs } = knownKey(given);
      bytes += config.size - (configs.get(card)?.size ?? 0);
      configs.set(card, config);
    },
    stop: unsubscribe,
  };
};
